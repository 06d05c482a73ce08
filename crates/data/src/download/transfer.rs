//! One request to one mirror, into the `.part` file.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ureq::http::{Response, header};
use ureq::{Agent, Body, Timeout};

use super::{Event, Options, Progress};
use crate::error::{Action, DataError, MirrorReason, WantedFile};

/// Even without a speed floor, a body may not take forever: bytes per second
/// that it takes to be called moving.
const CRAWL: u64 = 1_000;

/// Why a request did not bring the file.
pub(super) enum Stop {
    /// The mirror: try another one.
    Mirror(MirrorReason),
    /// This machine: no mirror can help.
    Local(DataError),
}

impl From<DataError> for Stop {
    fn from(error: DataError) -> Self {
        Stop::Local(error)
    }
}

/// A file on its way.
pub(super) struct Transfer<'a> {
    pub(super) file: &'a WantedFile,
    pub(super) part: PathBuf,
    options: &'a Options,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(file: &'a WantedFile, part: PathBuf, options: &'a Options) -> Self {
        Transfer { file, part, options }
    }

    /// Bytes of the file that earlier requests brought.
    pub(super) fn already_here(&self) -> Result<u64, DataError> {
        match fs::metadata(&self.part) {
            Ok(found) => Ok(found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(DataError::io(&self.part, Action::Read)(error)),
        }
    }

    /// Forgets what has arrived.
    pub(super) fn discard(&self) -> Result<(), DataError> {
        match fs::remove_file(&self.part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DataError::io(&self.part, Action::Remove)(error))
            }
            _ => Ok(()),
        }
    }

    /// Asks a mirror for what is missing. On success the `.part` file has the
    /// right length; its content is not looked at. A floor of 0 means any
    /// speed.
    pub(super) fn run(&self, url: &str, floor: u64, progress: &mut dyn Progress) -> Result<(), Stop> {
        let size = self.file.size;
        let mut here = self.already_here()?;
        if here > size {
            self.discard()?;
            here = 0;
        }
        if here == size {
            return Ok(());
        }
        let agent = agent(self.options, size - here, floor);
        let mut response = self.ask(&agent, url, here)?;
        if here > 0 && !continues(&response, here, size) {
            if response.status() != 200 {
                // 416, or a range that was not asked for: once more, whole.
                response = self.ask(&agent, url, 0)?;
            }
            here = 0;
        }
        let status = response.status().as_u16();
        if status != if here > 0 { 206 } else { 200 } {
            return Err(Stop::Mirror(MirrorReason::Status(status)));
        }
        let announced = response.body().content_length();
        if let Some(length) = announced.filter(|&length| length != size - here) {
            return Err(Stop::Mirror(MirrorReason::Size { expected: size, got: here + length }));
        }
        let mut target = open(&self.part, here).map_err(DataError::io(&self.part, Action::Write))?;
        progress.event(Event::Begin { file: &self.file.name, mirror: url, resumed: here, total: size });
        let result = self.copy(response, &mut target, url, here, floor, progress);
        if let Err(Stop::Mirror(MirrorReason::Size { .. })) = result {
            // Not the file at all, an error page perhaps: nothing to continue.
            self.discard()?;
        }
        result
    }

    fn ask(&self, agent: &Agent, url: &str, from: u64) -> Result<Response<Body>, Stop> {
        let mut request = agent.get(url);
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        request.call().map_err(|error| Stop::Mirror(reason(error)))
    }

    fn copy(
        &self,
        response: Response<Body>,
        target: &mut File,
        url: &str,
        first: u64,
        floor: u64,
        progress: &mut dyn Progress,
    ) -> Result<(), Stop> {
        let size = self.file.size;
        let announced = response.body().content_length().is_some();
        let mut reader = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        let mut meter = Meter::new(self.options.window, floor);
        let mut here = first;
        loop {
            let received = here - first;
            let n = match reader.read(&mut buffer) {
                Ok(0) if here == size => return Ok(()),
                // Without an announced length, an early end looks like the
                // end: of another file, then.
                Ok(0) if !announced => {
                    return Err(Stop::Mirror(MirrorReason::Size { expected: size, got: here }));
                }
                Ok(0) => {
                    let source = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(Stop::Mirror(MirrorReason::Interrupted { received, source }));
                }
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Stop::Mirror(broken(error, received, &meter))),
            };
            here += n as u64;
            if here > size {
                return Err(Stop::Mirror(MirrorReason::Size { expected: size, got: here }));
            }
            target.write_all(&buffer[..n]).map_err(DataError::io(&self.part, Action::Write))?;
            progress.event(Event::Bytes { file: &self.file.name, mirror: url, received: here, total: size });
            if let Some(rate) = meter.too_slow(n as u64).filter(|_| here < size) {
                return Err(Stop::Mirror(MirrorReason::TooSlow { rate, floor }));
            }
        }
    }
}

fn agent(o: &Options, missing: u64, floor: u64) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        // Archives must come as they are, and ranges refer to them so.
        .accept_encoding("identity")
        .user_agent(concat!("kobai/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(o.connect_timeout))
        .timeout_connect(Some(o.connect_timeout))
        .timeout_send_request(Some(o.answer_timeout))
        .timeout_recv_response(Some(o.answer_timeout))
        .timeout_per_read(Some(o.window.max(Duration::from_millis(1))))
        // At the floor's speed the body takes this long. A single read may
        // wait for a whole TLS record, which a trickle could draw out.
        .timeout_recv_body(Some(o.window * 2 + Duration::from_secs(missing / floor.max(CRAWL))));
    if !o.env_proxy {
        config = config.proxy(None);
    }
    config.build().new_agent()
}

fn reason(error: ureq::Error) -> MirrorReason {
    match error {
        ureq::Error::Timeout(_) => MirrorReason::NoAnswer,
        error => MirrorReason::Unreachable(error.into_io()),
    }
}

/// Bytes of a file, by what the mirror announces.
pub(super) fn size_of(url: &str, options: &Options) -> Result<u64, MirrorReason> {
    let response = agent(options, 0, 0).head(url).call().map_err(reason)?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(MirrorReason::Status(status));
    }
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    length.ok_or(MirrorReason::Size { expected: 1, got: 0 })
}

/// Whether an answer is the rest that was asked for.
fn continues(response: &Response<Body>, from: u64, size: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    response.status() == 206 && range.and_then(parse_range).is_some_and(|r| fits(r, from, size))
}

/// First byte, last byte, and the size of the file if it is said.
type ContentRange = (u64, u64, Option<u64>);

fn parse_range(text: &str) -> Option<ContentRange> {
    let (range, size) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let size = if size == "*" { None } else { Some(size.parse().ok()?) };
    Some((first.parse().ok()?, last.parse().ok()?, size))
}

fn fits((first, last, total): ContentRange, from: u64, size: u64) -> bool {
    first == from && last.checked_add(1) == Some(size) && total.is_none_or(|total| total == size)
}

/// The file for what comes after byte `here`.
fn open(part: &Path, here: u64) -> io::Result<File> {
    let mut file = File::options().create(true).truncate(false).write(true).open(part)?;
    file.set_len(here)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

fn broken(error: io::Error, received: u64, meter: &Meter) -> MirrorReason {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(ureq::Error::Timeout(Timeout::RecvBody)) => {
            MirrorReason::TooSlow { rate: meter.average(), floor: meter.floor.max(CRAWL) }
        }
        Some(ureq::Error::Timeout(_)) => MirrorReason::Stalled { received },
        _ if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
            MirrorReason::Stalled { received }
        }
        _ => MirrorReason::Interrupted { received, source: error },
    }
}

/// Measures speed window by window.
struct Meter {
    window: Duration,
    floor: u64,
    begun: Instant,
    total: u64,
    window_begun: Instant,
    in_window: u64,
}

impl Meter {
    fn new(window: Duration, floor: u64) -> Self {
        let now = Instant::now();
        Meter { window, floor, begun: now, total: 0, window_begun: now, in_window: 0 }
    }

    /// Counts bytes; the speed of a window that has just ended, if it was below
    /// the floor.
    fn too_slow(&mut self, bytes: u64) -> Option<u64> {
        self.total += bytes;
        self.in_window += bytes;
        let elapsed = self.window_begun.elapsed();
        if elapsed < self.window {
            return None;
        }
        let rate = per_second(self.in_window, elapsed);
        self.in_window = 0;
        self.window_begun = Instant::now();
        (rate < self.floor).then_some(rate)
    }

    /// Bytes per second from the beginning.
    fn average(&self) -> u64 {
        per_second(self.total, self.begun.elapsed())
    }
}

fn per_second(bytes: u64, elapsed: Duration) -> u64 {
    (bytes as f64 / elapsed.as_secs_f64().max(1e-9)) as u64
}

#[cfg(test)]
mod tests {
    use super::{fits, parse_range};

    #[test]
    fn content_ranges() {
        assert_eq!(parse_range("bytes 5-9/10"), Some((5, 9, Some(10))));
        assert_eq!(parse_range("bytes 5-9/*"), Some((5, 9, None)));
        for bad in ["5-9/10", "bytes */10", "bytes 5-9", "bytes -9/10", "bytes 5-x/10", ""] {
            assert_eq!(parse_range(bad), None, "{bad}");
        }
        assert!(fits((5, 9, Some(10)), 5, 10) && fits((5, 9, None), 5, 10));
        assert!(!fits((4, 9, None), 5, 10) && !fits((5, 8, None), 5, 10) && !fits((5, 9, Some(11)), 5, 10));
        assert!(!fits((5, u64::MAX, None), 5, 10));
    }
}
