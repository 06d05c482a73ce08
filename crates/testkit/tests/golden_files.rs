//! The golden files load, and agree with formulas written out here: a file
//! that was recorded from a wrong script would otherwise go unnoticed.

use kobai_testkit::{Golden, STEP, Tol, assert_close, assert_gradient};
use std::panic::catch_unwind;

#[test]
fn every_file_is_finite_and_says_where_it_comes_from() {
    let stems = Golden::stems();
    for stem in ["activation", "batch_norm", "clip", "cross_entropy", "linear", "mlp", "mse", "optim"] {
        assert!(stems.iter().any(|s| s == stem), "no golden file {stem}");
    }
    for stem in stems {
        let golden = Golden::open(&stem);
        assert_eq!(golden.metadata("script"), format!("tools/golden/{stem}.py"));
        assert_eq!(golden.metadata("sha256").len(), 64);
        assert!(!golden.metadata("torch").is_empty());
        for name in golden.names() {
            let n: usize = golden.shape(name).iter().product();
            if golden.is_integer(name) {
                assert_eq!(golden.i64(name).len(), n);
            } else {
                assert_eq!(golden.f64(name).len(), n, "{stem}: {name}");
                assert!(golden.f64(name).iter().all(|x| x.is_finite()), "{stem}: {name}");
            }
        }
    }
}

#[test]
fn inputs_are_exact_in_single_precision() {
    for (stem, names) in
        [("linear", "x weight bias grad_y"), ("optim", "p0 g"), ("mlp", "x initial.fc1.weight")]
    {
        let golden = Golden::open(stem);
        for name in names.split(' ') {
            let single: Vec<f64> = golden.f32(name).iter().map(|x| f64::from(*x)).collect();
            assert_close(&single, golden.f64(name), Tol::exact(), name);
        }
    }
}

#[test]
fn a_wrong_name_or_type_is_explained() {
    let text = |f: fn()| *catch_unwind(f).unwrap_err().downcast::<String>().expect("a text");
    let missing = text(|| _ = Golden::open("linear").f64("wieght"));
    assert!(missing.contains("no tensor `wieght`") && missing.contains("weight"), "{missing}");
    assert!(text(|| _ = Golden::open("lineal")).contains("record.py lineal"));
    assert!(text(|| _ = Golden::open("mlp").f64("labels")).contains("use i64()"));
    assert!(text(|| _ = Golden::open("mlp").i64("x")).contains("use f64()"));
    assert!(text(|| _ = Golden::open("mlp").scalar("x")).contains("expected one element"));
}

fn linear(x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let k = weight.len() / bias.len();
    let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
    x.chunks(k).flat_map(|x| weight.chunks(k).zip(bias).map(move |(w, b)| dot(x, w) + b)).collect()
}

#[test]
fn linear_is_its_formula_and_its_gradients_check() {
    let golden = Golden::open("linear");
    let [x, weight, bias, grad_y] = ["x", "weight", "bias", "grad_y"].map(|name| golden.f64(name));
    assert_close(&linear(x, weight, bias), golden.f64("y"), Tol::sum(6), "y");
    let loss = |x: &[f64], w: &[f64], b: &[f64]| -> f64 {
        linear(x, w, b).iter().zip(grad_y).map(|(y, g)| y * g).sum()
    };
    assert_gradient(|x| loss(x, weight, bias), x, golden.f64("grad_x"), STEP, "x");
    assert_gradient(|w| loss(x, w, bias), weight, golden.f64("grad_weight"), STEP, "weight");
    assert_gradient(|b| loss(x, weight, b), bias, golden.f64("grad_bias"), STEP, "bias");
}

#[test]
fn batch_norm_gradient_checks() {
    let golden = Golden::open("batch_norm");
    let [x, weight, bias, grad_y] = ["x", "weight", "bias", "grad_y"].map(|name| golden.f64(name));
    let forward = |x: &[f64]| -> Vec<f64> {
        let mut y = vec![0.0; x.len()];
        for c in 0..4 {
            let column = || x.iter().skip(c).step_by(4);
            let mean = column().sum::<f64>() / 6.0;
            let var = column().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 6.0;
            for i in (c..x.len()).step_by(4) {
                y[i] = (x[i] - mean) / (var + 1e-5).sqrt() * weight[c] + bias[c];
            }
        }
        y
    };
    assert_close(&forward(x), golden.f64("y"), Tol::sum(12), "y");
    let loss = |x: &[f64]| forward(x).iter().zip(grad_y).map(|(y, g)| y * g).sum();
    assert_gradient(loss, x, golden.f64("grad_x"), STEP, "x");
}

#[test]
fn activations_check() {
    let golden = Golden::open("activation");
    let [x, grad_y] = ["x", "grad_y"].map(|name| golden.f64(name));
    type Function = fn(f64) -> f64;
    let functions: [(&str, Function); 9] = [
        ("sigmoid", |x| 1.0 / (1.0 + (-x).exp())),
        ("tanh", f64::tanh),
        ("relu", |x| x.max(0.0)),
        ("leaky_relu_0.01", |x| if x > 0.0 { x } else { 0.01 * x }),
        ("leaky_relu_0.2", |x| if x > 0.0 { x } else { 0.2 * x }),
        ("elu", |x| if x > 0.0 { x } else { x.exp_m1() }),
        ("softplus", |x| x.exp().ln_1p()),
        ("hardswish", |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0),
        ("relu6", |x| x.clamp(0.0, 6.0)),
    ];
    for (name, function) in functions {
        let y: Vec<f64> = x.iter().map(|x| function(*x)).collect();
        assert_close(&y, golden.f64(&format!("{name}.y")), Tol::sum(4), name);
        let loss = |x: &[f64]| x.iter().zip(grad_y).map(|(x, g)| function(*x) * g).sum();
        assert_gradient(loss, x, golden.f64(&format!("{name}.grad_x")), STEP, name);
    }
}

#[test]
fn cross_entropy_is_its_formula_and_its_gradient_checks() {
    let golden = Golden::open("cross_entropy");
    let labels = golden.i64("labels");
    let losses = |logits: &[f64]| -> Vec<f64> {
        let one = |(z, label): (&[f64], &i64)| {
            let max = z.iter().copied().fold(f64::MIN, f64::max);
            max + z.iter().map(|z| (z - max).exp()).sum::<f64>().ln() - z[*label as usize]
        };
        logits.chunks(10).zip(labels).map(one).collect()
    };
    let mean = |logits: &[f64]| losses(logits).iter().sum::<f64>() / 6.0;
    for prefix in ["", "large_"] {
        let of = |name: &str| format!("{prefix}{name}");
        let logits = golden.f64(&of("logits"));
        // The maximum is subtracted and added again: errors scale with it.
        let tol = Tol::sum(12).of_magnitude(logits.iter().fold(1.0, |m: f64, x| m.max(x.abs())));
        assert_close(&losses(logits), golden.f64(&of("losses")), tol, &of("losses"));
        assert_close(&[mean(logits)], &[golden.scalar(&of("loss"))], tol, &of("loss"));
    }
    assert_gradient(mean, golden.f64("logits"), golden.f64("grad_logits"), STEP, "logits");
}

#[test]
fn adam_steps_are_the_formula() {
    let golden = Golden::open("optim");
    let (p0, g) = (golden.f64("p0"), golden.f64("g"));
    let (mut p, mut m, mut v) = (p0.to_vec(), vec![0.0; 11], vec![0.0; 11]);
    for (t, (g, expected)) in g.chunks(11).zip(golden.f64("adam").chunks(11)).enumerate() {
        let t = t as i32 + 1;
        for i in 0..11 {
            m[i] = 0.9 * m[i] + 0.1 * g[i];
            v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
            let (m, v) = (m[i] / (1.0 - 0.9f64.powi(t)), v[i] / (1.0 - 0.999f64.powi(t)));
            p[i] -= 0.01 * m / (v.sqrt() + 1e-8);
        }
        assert_close(&p, expected, Tol::sum(10 * t as usize), &format!("step {t}"));
    }
    assert_eq!(golden.metadata("adam"), "Adam(lr=0.01, betas=(0.9, 0.999), eps=1e-08)");
}
