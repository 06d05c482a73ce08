//! Every message of the engine and its table, in both languages, as they are
//! printed.

use crate::common::{mlp, residual};
use kobai_engine::layers::{Activation, Add, BatchNorm, Conv2d, Dropout, Linear, MaxPool2d};
use kobai_engine::optim::{MomentsError, Optimizer, Updater, Updates};
use kobai_engine::{Explain, Graph, Lang, Loss, Plan, PlanErrors, PlanOptions};
use kobai_kernels::Isa;
use std::fmt::Write;

/// A network with mistakes: a batch of 4, ten classes.
fn broken(input: &[usize], build: impl Fn(&mut Graph)) -> PlanErrors {
    let mut g = Graph::new(kobai_engine::Shape::new(input));
    build(&mut g);
    let options = PlanOptions { outputs: Some(10), ..PlanOptions::batch(4) };
    Plan::new(&g, &options).expect_err("a mistake")
}

/// Ends a network as it should end.
fn finish(g: &mut Graph, x: kobai_engine::NodeId) {
    let x = g.linear("fc", x, 10);
    g.output(x, Loss::CrossEntropy);
}

fn mistakes() -> Vec<(&'static str, PlanErrors)> {
    let linear_in = |n| Linear { in_features: Some(n), ..Linear::new(20) };
    vec![
        (
            "features",
            broken(&[16], |g| {
                let x = g.linear("fc1", g.input(), 12);
                let x = g.layer("fc2", linear_in(13), &[x]);
                finish(g, x);
            }),
        ),
        ("rank", broken(&[3, 8, 8], |g| finish(g, g.input()))),
        (
            "inputs",
            broken(&[16], |g| {
                let x = g.layer("sum", Add, &[g.input()]);
                finish(g, x);
            }),
        ),
        (
            "too many inputs",
            broken(&[16], |g| {
                let x = g.layer("act", Activation::Tanh, &[g.input(), g.input()]);
                finish(g, x);
            }),
        ),
        (
            "unequal",
            broken(&[16], |g| {
                let a = g.linear("left", g.input(), 12);
                let b = g.linear("right", g.input(), 11);
                let x = g.add("sum", a, b);
                finish(g, x);
            }),
        ),
        (
            "setting",
            broken(&[16], |g| {
                let x = g.layer("drop1", Dropout::new(1.0), &[g.input()]);
                finish(g, x);
            }),
        ),
        (
            "setting of another layer",
            broken(&[16], |g| {
                let x = g.layer("bn1", BatchNorm { eps: -1.0, ..BatchNorm::default() }, &[g.input()]);
                finish(g, x);
            }),
        ),
        (
            "duplicate name",
            broken(&[16], |g| {
                let x = g.scope("block", |g| {
                    let x = g.linear("fc1", g.input(), 12);
                    g.linear("fc1", x, 12)
                });
                finish(g, x);
            }),
        ),
        (
            "output",
            broken(&[16], |g| {
                let x = g.linear("fc1", g.input(), 9);
                g.output(x, Loss::CrossEntropy);
            }),
        ),
        (
            "output of images",
            broken(&[1, 2, 5], |g| {
                let x = g.activation("act", g.input(), Activation::Relu);
                g.output(x, Loss::MeanSquaredError);
            }),
        ),
        (
            "too many images to join",
            broken(&[3, 8, 8], |g| {
                let x = g.concat("join", &[g.input(); 9]);
                finish(g, x);
            }),
        ),
        (
            "empty",
            broken(&[3, 0, 8], |g| {
                let x = g.conv2d("conv1", g.input(), Conv2d::new(4, 3));
                finish(g, x);
            }),
        ),
        (
            "joint",
            broken(&[3, 8, 8], |g| {
                let a = g.conv2d("a", g.input(), Conv2d::new(4, 3));
                let b = g.conv2d("b", g.input(), Conv2d::new(4, 5));
                let x = g.concat("join", &[a, b]);
                finish(g, x);
            }),
        ),
        (
            "window",
            broken(&[3, 4, 4], |g| {
                let x = g.conv2d("conv1", g.input(), Conv2d::new(4, 7).padding(1));
                finish(g, x);
            }),
        ),
        (
            "padding",
            broken(&[3, 8, 8], |g| {
                let x = g.max_pool("pool1", g.input(), MaxPool2d::new(2, 2).padding(2));
                finish(g, x);
            }),
        ),
        (
            "groups",
            broken(&[3, 8, 8], |g| {
                let x = g.conv2d("conv1", g.input(), Conv2d::new(4, 3).groups(2));
                finish(g, x);
            }),
        ),
        ("batch", {
            let mut g = Graph::new([16].into());
            let x = g.batch_norm("bn1", g.input());
            finish(&mut g, x);
            Plan::new(&g, &PlanOptions::batch(1)).expect_err("a mistake")
        }),
        (
            "all together, and none of what follows from another",
            broken(&[3, 8, 8], |g| {
                let x = g.linear("fc1", g.input(), 12);
                let x = g.activation("act1", x, Activation::Relu);
                let y = g.dropout("drop", g.input(), 1.5);
                let z = g.layer("act1", Activation::Elu { alpha: 0.0 }, &[g.input()]);
                g.add("sum", x, y);
                g.output(z, Loss::CrossEntropy);
            }),
        ),
    ]
}

#[test]
fn every_mistake_has_a_message() {
    let all = mistakes();
    let mut report = String::new();
    for (name, errors) in &all {
        for lang in [Lang::En, Lang::Ja] {
            writeln!(report, "[{name}]\n{}\n", errors.explain(lang)).expect("a string");
        }
        assert_eq!(errors.to_string(), errors.explain(Lang::En).to_string());
    }
    insta::assert_snapshot!("mistakes", report);
    for variant in variants(include_str!("../../src/error.rs"), "pub enum Problem {") {
        let seen =
            all.iter().flat_map(|(_, e)| &e.0).any(|e| format!("{:?}", e.problem).starts_with(variant));
        assert!(seen, "Problem::{variant} has no case");
    }
}

/// The names of an enum's variants, from its source.
fn variants<'a>(source: &'a str, head: &str) -> Vec<&'a str> {
    let body = source.split_once(head).expect("the enum").1;
    let body = body.split_once("\n}").expect("its end").0;
    let names: Vec<&str> = body
        .lines()
        .filter(|l| l.starts_with("    ") && l.as_bytes().get(4).is_some_and(u8::is_ascii_uppercase))
        .map(|l| l.trim().split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default())
        .collect();
    assert!(names.len() > 2, "{names:?}");
    names
}

#[test]
fn moments_that_do_not_fit_have_a_message() {
    let plan = Plan::new(&mlp(), &PlanOptions::batch(4)).expect("a right network");
    let updater = |optimizer| Updater::<f32>::new(&plan, Updates::new(optimizer));
    let adam = Optimizer::Adam { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    let mut target = updater(adam);
    let good = target.export();
    let mut count = good.clone();
    count.values.pop();
    let mut length = good.clone();
    length.values[1].pop();
    let rule = updater(Optimizer::Sgd { lr: 0.1 }).export();
    let errors = [rule, count, length].map(|m| target.restore(&m).expect_err("a mistake"));
    let mut report = String::new();
    for error in &errors {
        for lang in [Lang::En, Lang::Ja] {
            writeln!(report, "{}\n", error.explain(lang)).expect("a string");
        }
    }
    insta::assert_snapshot!("moments", report);
    for variant in variants(include_str!("../../src/optim/moments.rs"), "pub enum MomentsError {") {
        let seen = errors.iter().any(|e: &MomentsError| format!("{e:?}").starts_with(variant));
        assert!(seen, "MomentsError::{variant} has no case");
    }
    assert_eq!(target.export(), good, "an error changes nothing");
}

#[test]
fn plans_are_printed() {
    let mut report = String::new();
    for graph in [mlp(), residual()] {
        let options = PlanOptions { isa: Isa::SCALAR, eval_batch: 500, ..PlanOptions::batch(100) };
        let plan = Plan::new(&graph, &options).expect("a right network");
        for lang in [Lang::En, Lang::Ja] {
            writeln!(report, "{}", plan.table(lang)).expect("a string");
        }
    }
    insta::assert_snapshot!("plans", report);
}
