use super::{MEASURES, Rule, Surface, SurfaceSpec, computed, run};
use crate::results::Text;
use kobai_engine::optim::Optimizer;
use kobai_kernels::Isa;

fn rule(id: &str, optimizer: Optimizer) -> Rule {
    Rule { id: id.into(), label: Text::default(), optimizer, tuned: false, beside: None }
}

fn spec(rules: Vec<Rule>) -> SurfaceSpec {
    SurfaceSpec { on: Surface::ALL.to_vec(), steps: 200, starts: 16, rules }
}

/// On the valley, SGD multiplies each coordinate by a constant: the path is known.
#[test]
fn sgd_follows_its_closed_form() {
    let lr = 0.4;
    let out = run(&spec(vec![rule("sgd", Optimizer::Sgd { lr })]), &[0], Isa::SCALAR);
    let path = &out.surfaces[0].paths[0];
    let [x0, y0] = path.points[0];
    for (t, [x, y]) in path.points.iter().enumerate() {
        // Each of t steps rounds thrice: 4t ulps bound the relative error.
        let bound = |v: f64| (4.0 * t as f64 + 4.0) * f64::EPSILON * v.abs();
        let (ex, ey) = (x0 * (1.0 - 0.02 * lr).powi(t as i32), y0 * (1.0f64 - 2.0 * lr).powi(t as i32));
        assert!((x - ex).abs() <= bound(ex) && (y - ey).abs() <= bound(ey), "step {t}: {x}, {y}");
    }
    assert!(path.effective.iter().flatten().all(|e| (e / lr - 1.0).abs() < 1e-6));
    let m = |name: &str| out.measure("sgd", "valley", name).unwrap()[0];
    assert_eq!(m("overshoot"), 0.0);
    assert_eq!(m("wander"), 0.0);
    // AdaGrad forgets nothing, so its effective step can only shrink; SGD's stays.
    assert!((m("effective_change") - 1.0).abs() < 1e-6);
}

/// The same seeds give the same bits, on every instruction set; other seeds others.
#[test]
fn measures_are_a_function_of_the_seed() {
    let adam = Optimizer::Adam { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    let spec = spec(vec![rule("adam", adam)]);
    let scalar = run(&spec, &[3, 4], Isa::SCALAR);
    for isa in Isa::available() {
        assert_eq!(run(&spec, &[3, 4], isa), scalar, "{isa:?}");
    }
    let reach = scalar.measure("adam", "beale", "reach").unwrap();
    assert_ne!(reach[0], reach[1]);
}

/// Every measure that claims may name is there, and no other.
#[test]
fn named_measures_exist() {
    let spec = spec(vec![rule("sgd", Optimizer::Sgd { lr: 0.01 })]);
    let out = run(&spec, &[0], Isa::SCALAR);
    let mut there = 0;
    for name in spec.measures() {
        let parts: Vec<&str> = name.split('.').collect();
        assert!(out.measure(parts[1], parts[2], parts[3]).is_some(), "{name}");
        there += 1;
    }
    let made: usize = out.surfaces.iter().map(|s| s.measures["sgd"].len()).sum();
    assert_eq!(made, there);
    assert!(MEASURES.iter().all(|(m, _)| spec.measures().iter().any(|n| n.ends_with(&format!(".{m}")))));
}

/// A start in the local basin stays there with small steps of SGD and is lost to
/// it with none; a start on the left is in the global basin already.
#[test]
fn sgd_with_small_steps_changes_no_basin() {
    let out = run(&spec(vec![rule("sgd", Optimizer::Sgd { lr: 0.02 })]), &[0, 1], Isa::SCALAR);
    for name in ["found", "lost"] {
        assert_eq!(out.measure("sgd", "two-minima", name).unwrap(), &vec![0.0; 2], "{name}");
    }
}

#[test]
fn computed_identities() {
    for name in [
        "momentum_decaying_sum",
        "rmsprop_decaying_mean",
        "adagrad_sum",
        "rmsprop_is_adagrad_rule",
        "adam_is_both",
    ] {
        let value = computed(&format!("computed.{name}")).unwrap();
        // Sums of 60 terms that may cancel to a hundredth of their size.
        assert!(value < 1e-11, "{name}: {value}");
    }
    let gain = computed("computed.momentum_gain").unwrap();
    assert!((gain - 10.0).abs() < 1e-12 * 10.0, "{gain}");
    assert_eq!(computed("computed.nothing"), None);
}
