//! An experiment of your own: rows, a claim, a verdict.
//!
//! `cargo run --release --example 05_experiment`

#![allow(clippy::print_stdout, reason = "an example prints")]

use kobai::lab::runner::Silent;
use kobai::lab::session::{Request, Session};
use kobai::lab::terminal;
use kobai::prelude::*;
use std::sync::atomic::AtomicBool;

const FILE: &str = r#"
schema = "kobai.experiment/1"
id = "batch-norm-speed"
seeds = 6
title = { en = "Does batch normalisation learn faster?", ja = "バッチ正規化は学習を速めるか" }
summary = { en = "The same sigmoid network with and without it.", ja = "同じシグモイドのネットワークで、有無を比べる。" }

[data]
set = "digits"

[model]
activation = "sigmoid"
init = "xavier"
layers = [{ linear = 40 }, "activation", { linear = 20 }, "activation", { linear = "outputs" }]

[training]
steps = 300
batch = 100

[optimizer]
name = "sgd"
lr = 0.1

[[rows]]
id = "without"
label = { en = "without", ja = "なし" }

[[rows]]
id = "with"
label = { en = "with batch-norm", ja = "あり" }
set = { "model.layers" = [{ linear = 40 }, "batch-norm", "activation", { linear = 20 }, "batch-norm", "activation", { linear = "outputs" }] }

[[claims]]
id = "faster"
text = { en = "After 300 steps the network with it is ahead.", ja = "300 ステップ後、ありのほうが進んでいる。" }
measure = "with.test - without.test"
above = 0
"#;

fn main() {
    let folder = std::env::temp_dir().join(format!("kobai-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let file = folder.join("mine.toml");
    std::fs::write(&file, FILE).expect("a temporary file");
    let request =
        Request { out: Some(folder.join("run")), fresh: true, ..Request::new(file.display().to_string()) };
    let session = Session::prepare(request).expect("the file is sound");
    let completed = session.run(&Silent, &AtomicBool::new(false)).expect("the folder can be written");
    let results = &completed.results;
    println!("{}", terminal::table(results, Lang::En, 100, false));
    println!("{}", terminal::verdicts(results, Lang::En, 100, false));
    std::fs::remove_dir_all(&folder).expect("our own folder");
}
