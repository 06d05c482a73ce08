//! A web server on this machine, with one way to behave.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a server does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// Serves the file and its ranges.
    Good,
    /// The same, in chunks without a length.
    Chunked,
    /// The same, without a length at all.
    UntilClose,
    /// Answers with a status only.
    Status(u16),
    /// Accepts the connection and says nothing.
    Silent,
    /// Sends so many bytes, then nothing more.
    StallAfter(usize),
    /// Sends a little at a time.
    Slow { chunk: usize, pause_ms: u64 },
    /// Closes the connection after so many bytes; serves ranges.
    CutAfter(usize),
    /// Closes the connection after so many bytes; ignores ranges.
    CutAfterNoRange(usize),
    /// Sends the whole file whatever was asked for.
    IgnoresRange,
    /// Answers 206 with another range than was asked for.
    WrongRange,
    /// Answers 416 when a range is asked for.
    RefusesRange,
    /// Announces one length and sends another.
    Length { says: usize, sends: usize },
    /// Sends something else, without a length.
    OtherPage(usize),
    /// Sends the file with one bit flipped.
    Corrupted,
}

/// The bytes of a file.
pub(crate) fn content(size: usize) -> Vec<u8> {
    (0..size as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A server; it ends with the test's process.
pub(crate) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Option<u64>>>>,
}

impl Server {
    /// Serves a file of [`content`].
    pub(crate) fn start(size: usize, behaviour: Behaviour) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                // A client that gives up breaks the pipe: no failure here.
                thread::spawn(move || drop(answer(stream, size, behaviour, &log)));
            }
        });
        Server { port, requests }
    }

    /// An address where nobody listens.
    pub(crate) fn closed() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Server { port, requests: Arc::default() }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// The first byte that each request asked for, if it asked for a range.
    pub(crate) fn requests(&self) -> Vec<Option<u64>> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(
    stream: TcpStream,
    size: usize,
    behaviour: Behaviour,
    log: &Mutex<Vec<Option<u64>>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    let mut range = None;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        if let Some(from) = line.to_lowercase().strip_prefix("range: bytes=") {
            range = from.trim().trim_end_matches('-').parse::<u64>().ok();
        }
        line.clear();
    }
    log.lock().unwrap().push(range);
    let mut body = content(size);
    let ranged = !matches!(behaviour, Behaviour::IgnoresRange | Behaviour::CutAfterNoRange(_));
    let from = range.filter(|_| ranged).unwrap_or(0) as usize;
    let head = |status: &str, extra: String| format!("HTTP/1.1 {status}\r\nConnection: close\r\n{extra}\r\n");
    let usual = if from > 0 {
        let extra =
            format!("Content-Range: bytes {from}-{}/{size}\r\nContent-Length: {}\r\n", size - 1, size - from);
        head("206 Partial Content", extra)
    } else {
        head("200 OK", format!("Content-Length: {size}\r\n"))
    };
    let rest = &body[from..];
    match behaviour {
        Behaviour::Good | Behaviour::IgnoresRange => {
            out.write_all(usual.as_bytes())?;
            out.write_all(rest)?;
        }
        Behaviour::Chunked => {
            out.write_all(head("200 OK", "Transfer-Encoding: chunked\r\n".into()).as_bytes())?;
            for chunk in body.chunks(7001) {
                write!(out, "{:x}\r\n", chunk.len())?;
                out.write_all(chunk)?;
                out.write_all(b"\r\n")?;
            }
            out.write_all(b"0\r\n\r\n")?;
        }
        Behaviour::UntilClose => {
            out.write_all(head("200 OK", String::new()).as_bytes())?;
            out.write_all(&body)?;
        }
        Behaviour::Status(code) => {
            let page = "<html>no</html>";
            out.write_all(
                head(&format!("{code} No"), format!("Content-Length: {}\r\n", page.len())).as_bytes(),
            )?;
            out.write_all(page.as_bytes())?;
        }
        Behaviour::Silent => thread::sleep(Duration::from_secs(30)),
        Behaviour::StallAfter(n) => {
            out.write_all(usual.as_bytes())?;
            out.write_all(&rest[..n.min(rest.len())])?;
            out.flush()?;
            thread::sleep(Duration::from_secs(30));
        }
        Behaviour::Slow { chunk, pause_ms } => {
            out.write_all(usual.as_bytes())?;
            for piece in rest.chunks(chunk) {
                out.write_all(piece)?;
                thread::sleep(Duration::from_millis(pause_ms));
            }
        }
        Behaviour::CutAfter(n) | Behaviour::CutAfterNoRange(n) => {
            out.write_all(usual.as_bytes())?;
            out.write_all(&rest[..n.min(rest.len())])?;
        }
        Behaviour::WrongRange if range.is_some() => {
            let extra = format!("Content-Range: bytes 0-{}/{size}\r\nContent-Length: {size}\r\n", size - 1);
            out.write_all(head("206 Partial Content", extra).as_bytes())?;
            out.write_all(&body)?;
        }
        Behaviour::RefusesRange if range.is_some() => {
            out.write_all(head("416 Range Not Satisfiable", "Content-Length: 0\r\n".into()).as_bytes())?;
        }
        Behaviour::WrongRange | Behaviour::RefusesRange => {
            out.write_all(usual.as_bytes())?;
            out.write_all(&body)?;
        }
        Behaviour::Length { says, sends } => {
            out.write_all(head("200 OK", format!("Content-Length: {says}\r\n")).as_bytes())?;
            out.write_all(&body[..sends])?;
        }
        Behaviour::OtherPage(n) => {
            out.write_all(head("200 OK", String::new()).as_bytes())?;
            out.write_all(&vec![b'x'; n])?;
        }
        Behaviour::Corrupted => {
            body[size / 2] ^= 1;
            out.write_all(usual.as_bytes())?;
            out.write_all(&body[from..])?;
        }
    }
    out.flush()
}
