//! Downloads from servers on this machine that misbehave in every known way.
//! Each case must end quickly, with the right file or a clear error, and never
//! with half a file under the final name.

mod server;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use kobai_data::Locations;
use kobai_data::download::{Event, Got, Options, fetch, get};
use kobai_data::error::{DataError, MirrorReason, WantedFile};
use server::{Behaviour, Server, content};
use sha2::{Digest, Sha256};

const SIZE: usize = 300_000;

fn options() -> Options {
    Options {
        connect_timeout: Duration::from_secs(2),
        answer_timeout: Duration::from_millis(800),
        window: Duration::from_millis(300),
        floor: 100_000,
        lock_wait: Duration::from_millis(100),
        env_proxy: false,
        ..Options::default()
    }
}

fn wanted(servers: &[&Server]) -> WantedFile {
    let sha256 = Sha256::digest(content(SIZE)).iter().map(|b| format!("{b:02x}")).collect();
    let urls = servers.iter().map(|s| s.url("file.gz")).collect();
    WantedFile { name: "file.gz".into(), size: SIZE as u64, sha256, urls }
}

/// Fetches, and checks what must hold whatever happens.
fn run(dir: &Path, servers: &[&Server]) -> Result<(), DataError> {
    run_with(dir, servers, &options())
}

fn run_with(dir: &Path, servers: &[&Server], options: &Options) -> Result<(), DataError> {
    let start = Instant::now();
    let mut done = 0;
    let mut last = 0;
    let result = fetch(&wanted(servers), dir, options, &mut |event: Event<'_>| match event {
        Event::Begin { resumed, total, .. } => {
            assert!(resumed < total);
            last = resumed;
        }
        Event::Bytes { received, total, .. } => {
            assert!(received > last && received <= total, "progress goes forward");
            last = received;
        }
        Event::Done { .. } => done += 1,
        _ => {}
    });
    assert!(start.elapsed() < Duration::from_secs(6), "took {:?}", start.elapsed());
    let target = dir.join("file.gz");
    match &result {
        Ok(path) => {
            assert_eq!((path, done), (&target, 1));
            assert!(fs::read(&target).unwrap() == content(SIZE), "wrong content under the final name");
            assert!(!dir.join("file.gz.part").exists(), "the part was left behind");
        }
        Err(_) => {
            assert!(!target.exists() && done == 0, "a file under the final name after an error");
        }
    }
    result.map(|_| ())
}

fn reasons(result: Result<(), DataError>) -> Vec<MirrorReason> {
    match result {
        Err(DataError::Download { failures, .. }) => failures.into_iter().map(|f| f.reason).collect(),
        other => panic!("{other:?}"),
    }
}

fn one(behaviour: Behaviour) -> (Vec<MirrorReason>, Server, tempfile::TempDir) {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(SIZE, behaviour));
    let reasons = reasons(run(dir.path(), &[&server]));
    (reasons, server, dir)
}

#[test]
fn a_good_server() {
    for behaviour in [Behaviour::Good, Behaviour::Chunked, Behaviour::UntilClose] {
        let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(SIZE, behaviour));
        run(dir.path(), &[&server]).unwrap();
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn not_found() {
    let (reasons, ..) = one(Behaviour::Status(404));
    assert!(matches!(reasons[..], [MirrorReason::Status(404)]), "{reasons:?}");
}

#[test]
fn nobody_listens() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::closed();
    let reasons = reasons(run(dir.path(), &[&server]));
    assert!(matches!(reasons[..], [MirrorReason::Unreachable(_)]), "{reasons:?}");
}

#[test]
fn no_answer() {
    let (reasons, ..) = one(Behaviour::Silent);
    assert!(matches!(reasons[..], [MirrorReason::NoAnswer]), "{reasons:?}");
}

#[test]
fn a_body_that_stalls() {
    let (reasons, _, dir) = one(Behaviour::StallAfter(100_000));
    // Once in order, once more because it had sent something.
    assert!(matches!(reasons[0], MirrorReason::Stalled { received: 100_000 }), "{reasons:?}");
    assert_eq!(reasons.len(), 2);
    assert!(fs::metadata(dir.path().join("file.gz.part")).unwrap().len() >= 100_000, "the part is kept");
}

#[test]
fn a_stalled_part_is_continued_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let stalls = Server::start(SIZE, Behaviour::StallAfter(100_000));
    let good = Server::start(SIZE, Behaviour::Good);
    run(dir.path(), &[&stalls, &good]).unwrap();
    assert_eq!(good.requests(), [Some(100_000)], "the second mirror was asked for the rest");
}

#[test]
fn a_slow_mirror_is_given_up_for_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let slow = Server::start(SIZE, Behaviour::Slow { chunk: 1000, pause_ms: 50 });
    let good = Server::start(SIZE, Behaviour::Good);
    run(dir.path(), &[&slow, &good]).unwrap();
    // Given up after about one window (6 kB): well before the 60 kB and more
    // that the limit for the whole body would let pass.
    let requests = good.requests();
    assert!(matches!(requests[..], [Some(1..=30_000)]), "{requests:?}");
}

/// Who has a slow line gets the file nevertheless.
#[test]
fn a_slow_line_still_gets_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let slow = Server::start(SIZE, Behaviour::Slow { chunk: 20_000, pause_ms: 100 });
    run_with(dir.path(), &[&slow], &Options { floor: 10_000_000, ..options() }).unwrap();
    assert!(slow.requests().len() == 2, "{:?}", slow.requests());
}

#[test]
fn a_body_that_is_cut_off_every_time() {
    let (reasons, server, dir) = one(Behaviour::CutAfterNoRange(70_000));
    assert!(matches!(reasons[..], [MirrorReason::Interrupted { received: 70_000, .. }]), "{reasons:?}");
    assert_eq!(server.requests().len(), 3, "three tries");
    assert!(dir.path().join("file.gz.part").exists());
}

#[test]
fn a_broken_connection_is_continued() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(SIZE, Behaviour::CutAfter(120_000)));
    run(dir.path(), &[&server]).unwrap();
    assert_eq!(server.requests(), [None, Some(120_000), Some(240_000)]);
}

#[test]
fn an_old_part_is_continued() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(SIZE, Behaviour::Good));
    fs::write(dir.path().join("file.gz.part"), &content(SIZE)[..5]).unwrap();
    run(dir.path(), &[&server]).unwrap();
    assert_eq!(server.requests(), [Some(5)]);
}

#[test]
fn a_finished_part_needs_no_request() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(SIZE, Behaviour::Good));
    fs::write(dir.path().join("file.gz.part"), content(SIZE)).unwrap();
    run(dir.path(), &[&server]).unwrap();
    assert!(server.requests().is_empty());
}

/// A wrong beginning is not the mirror's fault: it is asked for everything.
#[test]
fn a_wrong_part_is_thrown_away() {
    for length in [5, SIZE, SIZE + 7] {
        let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(SIZE, Behaviour::Good));
        fs::write(dir.path().join("file.gz.part"), vec![0x55; length]).unwrap();
        run(dir.path(), &[&server]).unwrap();
        assert_eq!(server.requests().last(), Some(&None), "{length} bytes");
    }
}

#[test]
fn a_server_without_ranges() {
    for behaviour in [Behaviour::IgnoresRange, Behaviour::WrongRange, Behaviour::RefusesRange] {
        let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(SIZE, behaviour));
        fs::write(dir.path().join("file.gz.part"), &content(SIZE)[..1000]).unwrap();
        run(dir.path(), &[&server]).unwrap();
        assert_eq!(server.requests()[0], Some(1000));
    }
}

#[test]
fn lies_about_the_length() {
    for (says, sends) in [(SIZE + 5, SIZE), (SIZE - 5, SIZE - 5), (12, 12)] {
        let (reasons, _, dir) = one(Behaviour::Length { says, sends });
        let expected = says as u64;
        assert!(matches!(reasons[..], [MirrorReason::Size { got, .. }] if got == expected), "{reasons:?}");
        assert!(!dir.path().join("file.gz.part").exists());
    }
    // Announces the right length, then sends less.
    let (reasons, ..) = one(Behaviour::Length { says: SIZE, sends: 0 });
    assert!(matches!(reasons[..], [MirrorReason::Interrupted { received: 0, .. }]), "{reasons:?}");
}

/// An error page without a length: neither kept nor continued.
#[test]
fn another_page_instead_of_the_file() {
    for sends in [500, SIZE + 500] {
        let (reasons, _, dir) = one(Behaviour::OtherPage(sends));
        assert!(matches!(reasons[..], [MirrorReason::Size { .. }]), "{reasons:?}");
        assert!(!dir.path().join("file.gz.part").exists());
    }
}

#[test]
fn corrupted_bytes() {
    let (reasons, _, dir) = one(Behaviour::Corrupted);
    assert!(matches!(reasons[..], [MirrorReason::Checksum { .. }]), "{reasons:?}");
    assert!(!dir.path().join("file.gz.part").exists(), "wrong bytes were kept");
    let (bad, good) = (Server::start(SIZE, Behaviour::Corrupted), Server::start(SIZE, Behaviour::Good));
    run(dir.path(), &[&bad, &good]).unwrap();
    assert_eq!(good.requests(), [None], "the good mirror was asked for the whole file");
}

/// All of them in one list: the file arrives, and every failure is told.
#[test]
fn the_last_mirror_saves_the_day() {
    let dir = tempfile::tempdir().unwrap();
    let bad = [
        Behaviour::Status(404),
        Behaviour::Status(503),
        Behaviour::Silent,
        Behaviour::Corrupted,
        Behaviour::Length { says: 12, sends: 12 },
        Behaviour::CutAfterNoRange(5),
    ]
    .map(|b| Server::start(SIZE, b));
    let (closed, good) = (Server::closed(), Server::start(SIZE, Behaviour::Good));
    let mut servers: Vec<&Server> = bad.iter().collect();
    servers.extend([&closed, &good]);
    let mut failed = 0;
    fetch(&wanted(&servers), dir.path(), &options(), &mut |event: Event<'_>| {
        failed += usize::from(matches!(event, Event::MirrorFailed { .. }));
    })
    .unwrap();
    assert_eq!(failed, 7);
    assert!(fs::read(dir.path().join("file.gz")).unwrap() == content(SIZE));
}

#[test]
fn an_error_names_every_mirror() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (Server::start(SIZE, Behaviour::Status(404)), Server::start(SIZE, Behaviour::Corrupted));
    let text = run(dir.path(), &[&a, &b]).unwrap_err().to_string();
    for part in [&a.url("file.gz"), &b.url("file.gz"), "HTTP status 404", "wrong content"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[test]
fn what_is_replaced_is_kept() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(SIZE, Behaviour::Good));
    fs::write(dir.path().join("file.gz"), b"mine").unwrap();
    fetch(&wanted(&[&server]), dir.path(), &options(), &mut |_: Event<'_>| {}).unwrap();
    assert_eq!(fs::read(dir.path().join("file.gz.old")).unwrap(), b"mine");
    assert_eq!(fs::read(dir.path().join("file.gz")).unwrap().len(), SIZE);
}

#[test]
fn two_processes_do_not_meet() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(SIZE, Behaviour::Good));
    let lock = dir.path().join(".kobai-lock");
    let held = fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    let mut waited = 0;
    let result = fetch(&wanted(&[&server]), dir.path(), &options(), &mut |event: Event<'_>| {
        waited += usize::from(matches!(event, Event::Waiting { .. }));
    });
    assert!(matches!(result, Err(DataError::Busy { lock: at }) if at == lock));
    assert!(waited == 1 && server.requests().is_empty());
    // The file stays, the lock goes with its holder: not stale.
    drop(held);
    run(dir.path(), &[&server]).unwrap();
}

#[test]
fn waits_for_the_other_process() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(SIZE, Behaviour::Good));
    let held = fs::File::create(dir.path().join(".kobai-lock")).unwrap();
    held.lock().unwrap();
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        drop(held);
    });
    run_with(dir.path(), &[&server], &Options { lock_wait: Duration::from_secs(5), ..options() }).unwrap();
    other.join().unwrap();
}

#[test]
fn offline_says_what_to_put_where() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { offline: true, ..options() };
    let error = get("mnist", &Locations::only(dir.path()), &options, &mut |_: Event<'_>| {}).unwrap_err();
    let text = error.to_string();
    let place = dir.path().join("mnist").display().to_string();
    for part in ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", "9912422 B", &place, "https://"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "nothing was written");
}

#[test]
fn nothing_to_get() {
    let none = Locations::none();
    let options = Options { offline: true, ..options() };
    let get = |name| get(name, &none, &options, &mut |_: Event<'_>| {});
    assert_eq!(get("digits").unwrap(), Got::BuiltIn);
    assert_eq!(get("moons").unwrap(), Got::BuiltIn);
    assert!(matches!(get("mnist"), Err(DataError::NoFolder)));
    assert!(matches!(get("mnst"), Err(DataError::UnknownSet { nearest: Some("mnist"), .. })));
}
