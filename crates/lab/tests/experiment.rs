//! Experiment files: what is embedded is sound, and every mistake has one clear message.

use kobai_engine::optim::Penalty;
use kobai_engine::{Explain, Lang, PlanOptions};
use kobai_lab::experiment::{Changes, Experiment, ExperimentError, published};
use std::fmt::Write;

fn changes() -> Changes {
    Changes { outputs: Some(10), ..Changes::default() }
}

#[test]
fn embedded_experiments_are_sound() {
    assert!(Experiment::names().count() >= 1);
    for name in Experiment::names() {
        for as_published in [false, true] {
            let experiment = Experiment::load(name, &Changes { as_published, ..changes() }).expect(name);
            assert_eq!(experiment.id, name);
            let rows: Vec<String> = experiment.rows.iter().map(|r| r.id.clone()).collect();
            for (i, row) in rows.iter().enumerate() {
                assert!(!rows[..i].contains(row), "{name}: two rows are called {row}");
            }
            for row in &experiment.rows {
                assert_eq!(
                    row.training.evaluate_examples, None,
                    "{name}: claims are about all test examples"
                );
                if let Some(reference) = &row.reference {
                    assert!(published(reference).is_some(), "{name}: unknown reference {reference}");
                }
            }
            for claim in &experiment.claims {
                assert_eq!(
                    claim.unknown_rows(&experiment.operands()),
                    Vec::<String>::new(),
                    "{name}: {}",
                    claim.id
                );
            }
            experiment.plans(name, [1, 28, 28].into(), 10, PlanOptions::batch(500)).expect(name);
        }
    }
}

#[test]
fn published_variant_selects_the_published_rows() {
    let right = Experiment::load("vanishing-gradient", &changes()).unwrap();
    let wrong = Experiment::load("vanishing-gradient", &Changes { as_published: true, ..changes() }).unwrap();
    assert_eq!(right.rows[0].reference.as_deref(), Some("vg2.gauss_sigmoid"));
    assert!(right.notes.is_empty());
    assert!(wrong.rows.iter().all(|r| r.reference.as_deref().is_some_and(|id| id.starts_with("vg1."))));
    assert_eq!(wrong.notes.len(), 1);
    assert_ne!(right.rows[0].settings, wrong.rows[0].settings);
}

#[test]
fn settings_can_be_changed_from_outside() {
    let set = vec![("training.steps".into(), "7".into()), ("optimizer.lr".into(), "0.5".into())];
    let experiment = Experiment::load("vanishing-gradient", &Changes { set, ..changes() }).unwrap();
    assert!(experiment.rows.iter().all(|r| r.training.steps == 7));
    assert!(experiment.rows.iter().all(|r| *r.training.updates.optimizer.clone().lr_mut() == 0.5));
}

/// A small sound file, in which each case changes one thing.
const SOUND: &str = r#"schema = "kobai.experiment/1"
id = "mine"
title = { en = "mine", ja = "私の" }
summary = { en = "one network", ja = "一つのネットワーク" }

[data]
set = "digits"

[model]
init = "he"
layers = [{ linear = 20 }, "relu", { dropout = 0.2 }, { linear = "outputs" }]

[training]
steps = 10
batch = 20

[optimizer]
name = "adam"
lr = 0.01

[[rows]]
id = "only"
label = { en = "only", ja = "これだけ" }

[[claims]]
id = "learns"
text = { en = "it learns", ja = "学習する" }
measure = "only.test"
above = 0.5
"#;

fn load(text: &str) -> Result<(), ExperimentError> {
    let experiment = Experiment::from_toml("mine.toml", text, &changes())?;
    experiment.plans("mine.toml", [64].into(), 10, PlanOptions::batch(100)).map(|_| ())
}

#[test]
fn the_sound_file_is_sound() {
    load(SOUND).unwrap();
}

/// Titles, labels and rows are for others to read; one network to try needs none.
#[test]
fn a_bare_file_is_one_network() {
    let bare = r#"
        schema = "kobai.experiment/1"
        id = "bare"
        [data]
        set = "digits"
        [model]
        layers = [{ linear = 20 }, "relu", { linear = "outputs" }]
        [training]
        steps = 10
        batch = 20
        [optimizer]
        name = "sgd"
        lr = 0.1
        l2 = 0
    "#;
    let experiment = Experiment::from_toml("bare.toml", bare, &changes()).unwrap();
    assert_eq!((experiment.title.en.as_str(), experiment.rows.len()), ("bare", 1));
    assert_eq!((experiment.rows[0].id.as_str(), experiment.rows[0].label.ja.as_str()), ("main", "main"));
    assert_eq!(experiment.rows[0].training.updates.penalty, Penalty::None);
    experiment.plans("bare.toml", [64].into(), 10, PlanOptions::batch(20)).unwrap();
    // Nobody said how often to evaluate: what that costs must not show. Last, on all.
    let tested = |text: &str, done| {
        let training = &Experiment::from_toml("bare.toml", text, &changes()).unwrap().rows[0].training;
        (training.tested(360, done), training.tested(10_000, done))
    };
    assert_eq!((tested(bare, 1), tested(bare, 10)), ((360, 500), (360, 10_000)));
    let long = bare.replace("steps = 10", "steps = 40000");
    assert_eq!(tested(&long, 1), (360, 3000));
    let said = bare.replace("steps = 10", "steps = 10\nevaluate_every = 5");
    assert_eq!(tested(&said, 5), (360, 10_000));
}

#[test]
fn mistakes_have_one_clear_message() {
    let cases: &[(&str, &str, &str)] = &[
        ("unknown key", "steps = 10", "stpes = 10"),
        ("unknown table", "[optimizer]", "[optimiser]"),
        ("unknown key of a layer", "{ linear = 20 }", "{ linear = 20, ini = \"he\" }"),
        ("unknown layer", "\"relu\"", "\"rellu\""),
        ("unknown layer table", "{ dropout = 0.2 }", "{ dropuot = 0.2 }"),
        ("unknown init", "init = \"he\"", "init = \"hee\""),
        ("init without its argument", "init = \"he\"", "init = \"normal\""),
        ("unknown optimiser", "\"adam\"", "\"adamm\""),
        ("missing key", "lr = 0.01", ""),
        ("another kind", "steps = 10", "steps = \"ten\""),
        ("outside its range", "lr = 0.01", "lr = -1"),
        ("unknown list", "[[rows]]", "[[row]]"),
        ("missing translation", "ja = \"学習する\"", ""),
        ("not TOML", "batch = 20", "batch = = 20"),
        ("a shape that does not fit", "{ linear = \"outputs\" }", "{ linear = \"outputs\", in = 21 }"),
        ("an output that does not fit", "{ linear = \"outputs\" }", "{ linear = 7 }"),
        (
            "two mistakes at once",
            "{ dropout = 0.2 }, { linear = \"outputs\" }",
            "{ dropout = 0.2, name = \"fc1\" }, { linear = 9 }",
        ),
        ("a probability that is none", "{ dropout = 0.2 }", "{ dropout = 1.5 }"),
    ];
    let mut report = String::new();
    for (name, from, to) in cases {
        assert!(SOUND.contains(from), "{name}");
        let error = load(&SOUND.replacen(from, to, 1)).expect_err(name);
        for lang in [Lang::En, Lang::Ja] {
            writeln!(report, "[{name}]\n{}\n", error.explain(lang)).unwrap();
        }
    }
    insta::assert_snapshot!(report);
}

#[test]
fn an_unknown_experiment_has_a_hint() {
    let error = Experiment::load("vanishing-gradients", &changes()).unwrap_err();
    insta::assert_snapshot!(format!("{}\n\n{}", error.explain(Lang::En), error.explain(Lang::Ja)));
}

/// Rows with blocks, a network of the zoo, and settings of the input.
const PICTURES: &str = r#"schema = "kobai.experiment/1"
id = "pictures"
title = { en = "pictures", ja = "画像" }
summary = { en = "blocks", ja = "ブロック" }

[data]
set = "shapes"

[model]
depth = 3
layers = [
  { conv = 8, kernel = 3, padding = 1 }, "relu",
  { repeat = "depth", layers = [
    { residual = [{ conv = 8, kernel = 3, padding = 1 }, "batch-norm", "relu"] },
  ] },
  { residual = [{ conv = 16, kernel = 3, padding = 1, stride = 2 }], shortcut = [{ conv = 16, kernel = 1, stride = 2 }] },
  { branches = [[{ conv = 4, kernel = 1 }], [{ conv = 2, kernel = 1 }, { conv = 6, kernel = 3, padding = 1 }]] },
  "global-avg-pool", "flatten", { linear = "outputs" },
]

[input]
normalize = true
flip = true
pad_crop = 4

[training]
epochs = 3
batch = 100

[optimizer]
name = "momentum"
lr = 0.1
schedule = "cosine"
warmup = 5

[[rows]]
id = "residual"
label = { en = "residual", ja = "残差" }

[[rows]]
id = "plain"
label = { en = "plain", ja = "近道なし" }
set = { "model.shortcuts" = false, "training.steps" = 7, "optimizer.schedule" = "step", "optimizer.milestones" = [0.5] }

[[rows]]
id = "zoo"
label = { en = "zoo", ja = "一覧" }
set = { "model.zoo" = "resnet20", "model.narrow" = 2 }
"#;

#[test]
fn blocks_and_networks_of_the_zoo_become_plans() {
    let changes = Changes { train_len: Some(4050), ..changes() };
    let read = |text: &str| Experiment::from_toml("pictures.toml", text, &changes);
    let experiment = read(PICTURES).unwrap();
    let steps: Vec<u64> = experiment.rows.iter().map(|r| r.training.steps).collect();
    assert_eq!(steps, [3 * 40, 7, 3 * 40], "whole batches per epoch; a row may count steps instead");
    let plans = experiment.plans("pictures.toml", [3, 32, 32].into(), 10, PlanOptions::batch(100)).unwrap();
    let names: Vec<&str> = plans[0].params.iter().map(|p| p.name.as_str()).collect();
    for name in
        ["block1.conv1.weight", "block3.bn1.bias", "block4.shortcut.conv1.weight", "mixed1.1.conv2.weight"]
    {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    // 3·9·8 + 8, three blocks of 8·9·8 + 8 and 16, 8·9·16 + 16 and 8·16 + 16,
    // branches 16·4 + 4, 16·2 + 2, 2·9·6 + 6, and 10·10 + 10.
    assert_eq!(plans[0].param_len(), 224 + 3 * 600 + 1168 + 144 + 68 + 34 + 114 + 110);
    assert_eq!(plans[1].param_len(), plans[0].param_len() - 144, "the plain twin has no projection");
    assert_eq!(plans[2].output_shape().len(), 10);
    assert!(plans[2].params.iter().any(|p| p.name == "layer3.2.conv2.weight"));
    for (from, to, expected) in [
        ("\"resnet20\"", "\"resnet21\"", "did you mean \"resnet20\"?"),
        ("epochs = 3", "epochs = 3\nsteps = 4", "expected steps | epochs"),
        ("\"cosine\"", "\"cosin\"", "did you mean \"cosine\"?"),
        ("[0.5]", "[1.5]", "expected 0 <= x < 1"),
        ("flip = true", "flp = true", "did you mean `flip`?"),
        ("padding = 1 }]] },", "padding = 1 }], 7] },", "expected a list of layers, got 7"),
        ("{ conv = 4, kernel = 1 }", "{ conv = 4, kernl = 1 }", "layers[4].branches[0][0].kernl"),
    ] {
        assert!(PICTURES.contains(from), "{from}");
        let error = read(&PICTURES.replacen(from, to, 1)).expect_err(to);
        let text = error.explain(Lang::En).to_string();
        assert!(text.contains(expected), "{to}: {text}");
    }
}

#[test]
fn one_row_can_be_changed_from_outside() {
    let penalty = |id: &str, set: &[(&str, &str)]| {
        let set = set.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let experiment = Experiment::load("overfitting", &Changes { set, ..changes() }).unwrap();
        let row = experiment.rows.iter().find(|r| r.id == id).unwrap();
        (row.training.updates.penalty, *row.training.updates.optimizer.clone().lr_mut(), experiment.seeds)
    };
    let set = [("l2.lambda", "0.5"), ("l1.lambda", "0.25"), ("l2.optimizer.lr", "0.5"), ("seeds", "10")];
    assert_eq!(penalty("l2", &set), (Penalty::L2(0.5), 0.5, 10));
    assert_eq!(penalty("l1", &set), (Penalty::L1(0.25), 0.1, 10));
    assert_eq!(penalty("base", &set), (Penalty::None, 0.01, 10));
    // Its label no longer claims the file's setting.
    let set = vec![("l2.lambda".into(), "0.5".into())];
    let changed = Experiment::load("overfitting", &Changes { set, ..changes() }).unwrap();
    let label = |id: &str| changed.rows.iter().find(|r| r.id == id).unwrap().label.en.clone();
    assert_eq!((label("l2").as_str(), label("l1").as_str()), ("L2 0.1 → l2 = 0.5", "L1 0.005, lr 0.1"));
    // An unknown row is an unknown key.
    let set = vec![("l3.lambda".into(), "0.5".into())];
    assert!(Experiment::load("overfitting", &Changes { set, ..changes() }).is_err());
}
