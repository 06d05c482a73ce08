//! The binary as a user meets it: what it prints, in both languages, and its exit codes.
#![cfg(feature = "cli")]

use std::path::Path;
use std::process::{Command, Output};

fn kobai(arguments: &[&str]) -> Output {
    kobai_in(Path::new("."), arguments)
}

/// Runs the binary in a folder, without the surroundings of the developer.
fn kobai_in(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kobai"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("COLUMNS", "100")
        .output()
        .expect("the binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

/// Exit code, stdout and stderr of one command in both languages.
fn both(arguments: &[&str]) -> String {
    let mut text = String::new();
    for lang in ["en", "ja"] {
        let mut all = arguments.to_vec();
        all.extend(["--lang", lang]);
        let output = kobai(&all);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        text += &format!("$ kobai {}\nexit code {}\n{out}{err}\n", all.join(" "), code(&output));
    }
    text
}

#[test]
fn welcome_and_help() {
    insta::assert_snapshot!("welcome", both(&[]));
    insta::assert_snapshot!("help", both(&["--help"]));
    insta::assert_snapshot!("help_lab_run", both(&["lab", "run", "--help"]));
    insta::assert_snapshot!("help_data_get", both(&["data", "get", "--help"]));
    insta::assert_snapshot!("help_sweep", both(&["sweep", "--help"]));
    insta::assert_snapshot!("help_bench", both(&["bench", "--help"]));
}

/// Times depend on the machine: `about 3 min` and `約 3 分` become `about T`.
fn without_times(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = [rest.find("about "), rest.find("約 ")].into_iter().flatten().min() {
        let word = if rest[at..].starts_with("about ") { "about " } else { "約 " };
        let time = rest[at + word.len()..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let units = [" s", " min", " h", " 秒", " 分", " 時間"];
        let unit = units.iter().find(|u| time.starts_with(**u)).copied().unwrap_or_default();
        out += &format!("{}{word}T", &rest[..at]);
        rest = &time[unit.len()..];
    }
    out + rest
}

#[test]
fn listings() {
    insta::assert_snapshot!("lab_list", without_times(&both(&["lab", "list"])));
    insta::assert_snapshot!("data_list", both(&["data", "list"]));
    insta::assert_snapshot!("data_show_digits", both(&["data", "show", "digits"]));
}

#[test]
fn mistakes_in_the_command() {
    let cases: &[&[&str]] = &[
        &["lba"],
        &["lab"],
        &["lab", "run"],
        &["lab", "run", "vanishing-gradients"],
        &["lab", "run", "nothing-like-it"],
        &["lab", "run", "./missing.toml"],
        &["lab", "run", "vanishing-gradient", "--sedes", "3"],
        &["lab", "run", "vanishing-gradient", "--seeds", "none"],
        &["lab", "run", "vanishing-gradient", "--seeds", "0"],
        &["lab", "run", "vanishing-gradient", "--steps", "-3"],
        &["lab", "run", "vanishing-gradient", "--set", "optimizer.learning_rate=1"],
        &["lab", "run", "vanishing-gradient", "--data", "minst"],
        &["lab", "run", "all", "--rows", "base"],
        &["data", "show", "digit"],
        &["data", "get", "mnist", "--offline", "--data-dir", "/nonexistent/data"],
        &["bench", "W99"],
        &["bench", "W1", "--precision", "bf16", "--isa", "scalar"],
        &["lab", "run", "convnet", "--precision", "bf16", "--isa", "scalar"],
        &["bench", "W1", "--precision", "fp16"],
        &["completions", "tcsh"],
    ];
    let text: String = cases.iter().map(|case| both(case) + "\n").collect();
    insta::assert_snapshot!(text);
}

#[test]
fn the_main_job_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let output = kobai_in(
        folder.path(),
        &["lab", "run", "vanishing-gradient", "--seeds", "2", "--steps", "40", "--json", "--no-progress"],
    );
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["schema"], "kobai.lab/1");
    let rows = document["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    for row in rows {
        assert!(row["id"].is_string() && row["reference"].is_string());
        for split in ["train", "test"] {
            let values = row[split].as_array().unwrap();
            assert_eq!(values.len(), 2);
            assert!(values.iter().all(|v| (0.0..=1.0).contains(&v.as_f64().unwrap())));
        }
    }
    for claim in document["claims"].as_array().unwrap() {
        let verdict = claim["verdict"].as_str().unwrap();
        assert!(["holds", "does not hold", "undecided"].contains(&verdict), "{verdict}");
        assert!(claim["mean"].is_number() && claim["values"].is_array());
    }
    let run = folder.path().join("runs/vanishing-gradient-digits");
    for file in [
        "experiment.toml",
        "environment.json",
        "plan.txt",
        "metrics.csv",
        "events.jsonl",
        "results.json",
        "report.html",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
}

#[test]
fn the_main_job_for_people() {
    let folder = tempfile::tempdir().unwrap();
    for (lang, words) in [("en", ["holds", "report:", "next:"]), ("ja", ["成り立つ", "レポート:", "つぎは:"])]
    {
        let output = kobai_in(
            folder.path(),
            &[
                "lab",
                "run",
                "vanishing-gradient",
                "--seeds",
                "2",
                "--steps",
                "40",
                "--lang",
                lang,
                "--color",
                "never",
            ],
        );
        assert_eq!(code(&output), 0);
        let text = String::from_utf8(output.stdout).unwrap();
        for word in words {
            assert!(text.contains(word), "{word} is missing in:\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "colour without being asked");
    }
}

#[test]
fn quiz() {
    let asked = both(&["lab", "quiz"]);
    assert_eq!(asked.matches("[10/10]").count(), 2, "{asked}");
    assert!(asked.contains("--answers"));
    let told = kobai(&["lab", "quiz", "--answers", "--lang", "ja"]);
    assert_eq!(code(&told), 0);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("答え: 0.25") && told.contains("答え: 7"), "{told}");
    let output = kobai(&["lab", "quiz", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["schema"], "kobai.quiz/1");
    for question in document["questions"].as_array().unwrap() {
        let right = question["right"].as_array().unwrap().len();
        assert_eq!(right, usize::from(question["number"].is_null()), "{question}");
    }
}

#[test]
fn the_whole_course() {
    let folder = tempfile::tempdir().unwrap();
    let run = ["lab", "run", "all", "--seeds", "1", "--steps", "2", "--set", "training.evaluate_every=2"];
    let output = kobai_in(folder.path(), &run);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(code(&output), 0, "{err}");
    assert!(err.contains("about"), "the time is told before: {err}");
    for word in ["C1.01", "C3.10", "C5.07", "report: runs/course-digits/report.html"] {
        assert!(out.contains(word), "{word} is missing in:\n{out}");
    }
    let page = std::fs::read_to_string(folder.path().join("runs/course-digits/report.html")).unwrap();
    let experiments = page.matches("<article ").count();
    // Again, in the other language: at once, from what is there.
    let again = [&run[..], &["--json", "--no-progress", "--lang", "ja"]].concat();
    let output = kobai_in(folder.path(), &again);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["schema"], "kobai.course/1");
    assert_eq!(document["experiments"].as_array().unwrap().len(), experiments);
    assert_eq!(document["statements"].as_array().unwrap().len(), 47);
    let page = std::fs::read_to_string(folder.path().join("runs/course-digits/report.html")).unwrap();
    assert!(page.contains("<html lang=\"ja\">"));
}

const SWEEP: &str = r#"schema = "kobai.sweep/1"
id = "rates"
experiment = "./mine.toml"
seeds = 2
steps = 40
[grid]
"optimizer.lr" = { from = 0.001, to = 1, count = 3, scale = "log" }
"#;

#[test]
fn sweeps() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.toml"), MINE).unwrap();
    std::fs::write(folder.path().join("sweep.toml"), SWEEP).unwrap();
    let output = kobai_in(folder.path(), &["sweep", "sweep.toml", "--no-progress"]);
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("0 of 6 runs were there already") && text.contains("the best again: kobai lab run")
    );
    let output = kobai_in(folder.path(), &["sweep", "sweep.toml", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!((&document["reused"], &document["runs"]), (&6.into(), &6.into()));
    assert_eq!(document["points"].as_array().unwrap().len(), 3);
    assert!(folder.path().join("runs/sweep-rates/report.html").is_file());
    std::fs::write(folder.path().join("sweep.toml"), SWEEP.replace("steps", "measure = \"tset\"\nsteps"))
        .unwrap();
    let output = kobai_in(folder.path(), &["sweep", "sweep.toml"]);
    assert_eq!(code(&output), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("`measure` cannot be \"tset\""));
}

/// A file that the binary is given, in a folder of its own.
fn with_file(name: &str, text: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    kobai_in(folder.path(), arguments)
}

const MINE: &str = r#"schema = "kobai.experiment/1"
id = "mine"
seeds = 4
title = { en = "mine", ja = "私の" }
summary = { en = "one network", ja = "一つのネットワーク" }
[data]
set = "digits"
[model]
layers = [{ linear = 20 }, "relu", { linear = "outputs" }]
[training]
steps = 200
batch = 50
[optimizer]
name = "sgd"
lr = 0.2
[[rows]]
id = "only"
label = { en = "only", ja = "これだけ" }
[[claims]]
id = "perfect"
text = { en = "it is perfect", ja = "完璧である" }
measure = "only.test"
above = 0.99999
"#;

#[test]
fn exit_codes() {
    let run = &["lab", "run", "./mine.toml"];
    assert_eq!(code(&with_file("mine.toml", MINE, run)), 0);
    // The claim does not hold; that is an error only if asked for.
    assert_eq!(code(&with_file("mine.toml", MINE, &["lab", "run", "./mine.toml", "--strict"])), 5);
    assert_eq!(code(&with_file("mine.toml", &MINE.replace("steps", "stpes"), run)), 2);
    assert_eq!(code(&with_file("mine.toml", &MINE.replace("\"outputs\"", "\"outputs\", in = 3"), run)), 2);
    let diverged = with_file("mine.toml", &MINE.replace("lr = 0.2", "lr = 1e30"), run);
    assert_eq!(code(&diverged), 4);
    assert!(String::from_utf8_lossy(&diverged.stderr).contains("diverged"));
    assert_eq!(code(&with_file("mine.toml", MINE, &["lab", "run", "./mine.toml", "--data", "mnist"])), 3);
    // What can be said about a file names the file, and a batch is the file's mistake.
    let wide = MINE.replace("\"outputs\"", "\"outputs\", in = 3");
    let misfit = with_file("other.toml", &wide, &["lab", "run", "./other.toml"]);
    assert!(String::from_utf8_lossy(&misfit.stderr).starts_with("error: ./other.toml, row"), "{misfit:?}");
    let huge = ["lab", "run", "./mine.toml", "--set", "training.batch=1000000"];
    assert_eq!(code(&with_file("mine.toml", MINE, &huge)), 2);
    // No advice that this experiment cannot follow.
    let told = with_file("mine.toml", MINE, run);
    let told = String::from_utf8_lossy(&told.stdout);
    assert!(told.contains("kobai lab show ./mine.toml") && !told.contains("--as-published"), "{told}");
    // A file in the place of the run folder.
    let blocked = with_file("mine.toml", MINE, &["lab", "run", "./mine.toml", "--out", "mine.toml"]);
    assert_eq!(code(&blocked), 1);
    assert!(String::from_utf8_lossy(&blocked.stderr).contains("cannot write"));
}

#[test]
fn damaged_data_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("mnist");
    std::fs::create_dir(&set).unwrap();
    for name in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        // A header that promises 60,000 images, and nothing behind it.
        std::fs::write(
            set.join(format!("{name}-ubyte")),
            [0, 0, 8, 3, 0, 0, 0xea, 0x60, 0, 0, 0, 28, 0, 0, 0, 28],
        )
        .unwrap();
    }
    let data = folder.path().to_str().unwrap();
    let output =
        kobai(&["lab", "run", "vanishing-gradient", "--data", "mnist", "--data-dir", data, "--lang", "ja"]);
    assert_eq!(code(&output), 3);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.starts_with("エラー: ") && text.contains("-ubyte: "), "{text}");
    assert!(output.stdout.is_empty());
}

#[test]
fn bench_prints_one_line() {
    for workload in ["W1", "w2"] {
        let output = kobai(&["bench", workload, "--steps", "40", "--threads", "2", "--json"]);
        assert_eq!(code(&output), 0);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["workload"], workload.to_uppercase());
        assert_eq!(
            (line["mode"].as_str(), line["threads"].as_u64(), line["batch"].as_u64()),
            (Some("train"), Some(2), Some(100))
        );
        for key in ["steps_per_s", "samples_per_s"] {
            assert!(line[key].as_f64().unwrap() > 0.0, "{key}");
        }
        assert!(line["isa"].is_string() && line.get("peak_rss_mb").is_some());
        assert_eq!(line["precision"], "f32");
    }
}

/// bfloat16 for those who ask for it, where the processor has it: other numbers, and they learn.
#[test]
fn bench_in_bfloat16() {
    let env: serde_json::Value = serde_json::from_slice(&kobai(&["env", "--json"]).stdout).unwrap();
    if env["bf16"] != true {
        println!("skipped: this processor has no avx512_bf16");
        return;
    }
    let losses = |precision| {
        let output =
            kobai(&["bench", "W3", "--batch", "20", "--losses", "3", "--json", "--precision", precision]);
        assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["precision"], precision);
        line["losses"].as_array().unwrap().iter().map(|l| l.as_f64().unwrap()).collect::<Vec<_>>()
    };
    for isa in env["rounding"].as_array().unwrap().iter().map(|isa| isa.as_str().unwrap()) {
        let output = kobai(&["bench", "W3", "--batch", "20", "--steps", "2", "--json", "--isa", isa]);
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((line["precision"].as_str(), line["isa"].as_str()), (Some("bf16"), Some(isa)));
    }
    let (whole, rounded) = (losses("f32"), losses("bf16"));
    assert!(whole.iter().zip(&rounded).all(|(a, b)| a != b), "{whole:?} {rounded:?}");
    assert!(rounded[2] < rounded[0], "{rounded:?}");
}

#[test]
fn bench_of_layers() {
    let layers = ["bench", "--layers", "w3", "--batch", "4", "--steps", "2"];
    for mode in ["train", "infer"] {
        let output = kobai(&[&layers[..], &["--mode", mode, "--json"]].concat());
        assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["schema"], "kobai.bench-layers/1");
        let passes = document["profile"]["passes"].as_array().unwrap();
        let of = |pass: &str| passes.iter().filter(|p| p["pass"] == pass && p["layer"] == "fc1").count();
        let train = usize::from(mode == "train");
        assert_eq!((of("forward"), of("weight-grad"), of("input-grad")), (1, train, train));
        // The parts are the step, but for what happens between them.
        let sum: f64 = passes.iter().map(|p| p["ms"].as_f64().unwrap()).sum();
        assert!(sum > 0.0 && document["profile"]["ms"].as_f64().unwrap() > 0.0);
    }
    let output = kobai(&[&layers[..], &["--lang", "ja"]].concat());
    assert_eq!(code(&output), 0);
    assert!(String::from_utf8_lossy(&output.stdout).contains("限界比"));
}

#[test]
fn bench_of_losses() {
    let output = kobai(&["bench", "W3", "--batch", "4", "--losses", "3", "--json"]);
    assert_eq!(code(&output), 0);
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let losses: Vec<f64> = line["losses"].as_array().unwrap().iter().map(|l| l.as_f64().unwrap()).collect();
    assert!(losses.len() == 3 && losses[2] < losses[0], "{losses:?}");
}

#[test]
fn environment_and_completions() {
    let output = kobai(&["env", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    for shell in ["bash", "fish", "zsh"] {
        let output = kobai(&["completions", shell]);
        assert_eq!(code(&output), 0);
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("vanishing-gradient")
                || !output.stdout.is_empty()
        );
    }
}
