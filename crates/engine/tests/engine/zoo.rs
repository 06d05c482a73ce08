//! The networks of the zoo against PyTorch's description of them
//! (`tests/golden/zoo.json`) and against the numbers of their papers.

use kobai_engine::plan::{Field, TensorKind};
use kobai_engine::zoo::{self, MODELS, Model, Settings};
use kobai_engine::{Explain, Lang, Plan, PlanOptions};
use serde_json::Value;

fn plan(model: &Model) -> Plan {
    Plan::new(&model.graph(&model.settings()), &PlanOptions::batch(1)).unwrap_or_else(|e| panic!("{e}"))
}

fn named(name: &str) -> Plan {
    plan(zoo::find(name).unwrap())
}

fn golden() -> serde_json::Map<String, Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/zoo.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).expect(path)).expect(path);
    file["models"].as_object().expect("models").clone()
}

/// The lines that `tools/golden/zoo_catalogue.py` hashes: torchvision's names and shapes in its order.
fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for t in plan.tensors() {
        let dims: Vec<String> = t.dims.iter().map(usize::to_string).collect();
        lines.push(format!("{} {}\n", t.name, dims.join("x")));
        // PyTorch counts batches there; this engine does not.
        if let Some(bn) = t.name.strip_suffix("running_var") {
            lines.push(format!("{bn}num_batches_tracked \n"));
        }
    }
    lines
}

fn fnv(text: &str) -> String {
    let h = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("{h:016x}")
}

#[test]
fn params_tensors_macs_and_output_are_torchvisions() {
    let golden = golden();
    assert!(golden.len() >= 20);
    for (name, expected) in &golden {
        let plan = named(name);
        let lines = lines(&plan);
        assert_eq!(plan.param_len() as u64, expected["params"], "{name}: params");
        assert_eq!(plan.macs(), expected["macs"], "{name}: multiply-adds");
        assert_eq!(serde_json::json!(plan.output_shape().dims()), expected["output"], "{name}: output");
        assert_eq!(lines.len() as u64, expected["tensors"], "{name}: tensors");
        assert_eq!(fnv(&lines.concat()), expected["fnv1a"], "{name}: names, shapes and order");
    }
}

#[test]
fn one_letter_in_one_name_is_noticed() {
    let golden = golden();
    let text = lines(&named("resnet18")).concat();
    assert_eq!(fnv(&text), golden["resnet18"]["fnv1a"]);
    assert_ne!(fnv(&text.replacen("layer3.1.bn2.bias", "layer3.1.bn2.bios", 1)), golden["resnet18"]["fnv1a"]);
}

/// Networks that torchvision does not have.
#[test]
fn params_are_those_of_the_papers() {
    for (name, params) in [
        // Krizhevsky et al. 2012: "60 million parameters".
        ("alexnet_original", 60_965_224),
        // The course's notebooks.
        ("simple_convnet", 433_890),
        ("double_convnet", 75_430),
        ("double_convnet_one_pool", 291_430),
        ("deep_convnet", 123_552),
        // He et al. 2016, table 6: 0.27, 0.46, 0.66, 0.85, 1.7 million, with the shortcuts of option
        // A; a projection in the first block of two stages adds 2,752.
        ("resnet20", 269_722 + 2_752),
        ("resnet32", 464_154 + 2_752),
        ("resnet44", 658_586 + 2_752),
        ("resnet56", 853_018 + 2_752),
        ("resnet110", 1_727_962 + 2_752),
        ("plain20", 269_722),
        ("plain56", 853_018),
        // torchvision's convolutions, with another stem or classifier.
        ("resnet18_cifar", 11_689_512 - 3 * 64 * (49 - 9) - 513 * 990),
        ("mobilenet_v2_cifar", 3_504_872 - 1281 * 990),
        ("vgg11_cifar", 9_231_114),
        ("vgg16_cifar", 14_728_266),
    ] {
        assert_eq!(named(name).param_len(), params, "{name}");
    }
}

#[test]
fn shapes_of_the_papers() {
    let dims = |plan: &Plan, node: &str| plan.node(node).expect(node).plan.output.dims().to_vec();
    let plan = named("alexnet_original");
    assert_eq!(dims(&plan, "conv1"), [96, 55, 55]);
    assert_eq!(dims(&plan, "conv2"), [256, 27, 27]);
    assert_eq!(dims(&plan, "pool5"), [256, 6, 6]);
    // Groups: each filter of conv2 sees 48 channels.
    assert_eq!(plan.params.iter().find(|p| p.name == "conv2.weight").unwrap().spec.dims, [256, 48, 5, 5]);
    let plan = named("googlenet_aux");
    for (node, expected) in [
        ("inception3a.concat", [256, 28, 28]),
        ("inception3b.concat", [480, 28, 28]),
        ("inception4a.concat", [512, 14, 14]),
        ("inception4e.concat", [832, 14, 14]),
        ("inception5b.concat", [1024, 7, 7]),
        ("aux2.conv.relu", [128, 4, 4]),
    ] {
        assert_eq!(dims(&plan, node), expected, "{node}");
    }
    let plan = named("deep_convnet");
    assert_eq!(dims(&plan, "conv4"), [32, 16, 16]);
    assert_eq!(dims(&plan, "pool3"), [64, 4, 4]);
    assert_eq!(dims(&named("simple_convnet"), "pool1"), [30, 12, 12]);
    assert_eq!(dims(&named("double_convnet"), "pool2"), [20, 6, 6]);
    assert_eq!(dims(&named("resnet18_cifar"), "layer4.1.relu"), [512, 4, 4]);
    assert_eq!(dims(&named("mobilenet_v2_cifar"), "features.18.2"), [1280, 4, 4]);
    assert_eq!(dims(&named("resnet110"), "layer3.17.relu"), [64, 8, 8]);
}

#[test]
fn the_whole_catalogue_plans_and_is_described() {
    let mut names = Vec::new();
    for model in MODELS {
        let plan = plan(model);
        assert_eq!(plan.output_shape().dims(), [model.classes], "{}", model.name);
        assert!(!model.paper.is_empty());
        for lang in [Lang::En, Lang::Ja] {
            let idea = model.idea(lang);
            assert!((8..=60).contains(&idea.chars().count()), "{}: {idea}", model.name);
        }
        assert_ne!(model.idea(Lang::En), model.idea(Lang::Ja), "{}", model.name);
        assert!(!names.contains(&model.name), "{} is there twice", model.name);
        names.push(model.name);
    }
}

/// Every model also exists for ten classes and an eighth of the width.
#[test]
fn narrow_networks() {
    for model in MODELS {
        let settings = Settings { classes: 7, narrow: 8, ..model.settings() };
        let plan = Plan::new(&model.graph(&settings), &PlanOptions::batch(2));
        let plan = plan.unwrap_or_else(|e| panic!("{}: {e}", model.name));
        assert_eq!(plan.output_shape().dims(), [7], "{}", model.name);
        assert!(plan.param_len() * 8 < self::plan(model).param_len(), "{}", model.name);
    }
}

#[test]
fn tensors_cover_params_and_state_once() {
    for name in ["resnet18", "googlenet_aux", "alexnet_original", "mobilenet_v2"] {
        let plan = named(name);
        for (kind, len) in [(TensorKind::Param, plan.param_len()), (TensorKind::State, plan.state_len())] {
            let mut at = 0;
            for t in plan.tensors().iter().filter(|t| t.kind == kind) {
                assert_eq!(t.range.start, at, "{name}: {}", t.name);
                assert_eq!(t.range.len(), t.dims.iter().product::<usize>(), "{name}: {}", t.name);
                assert!(t.name.starts_with(&plan.nodes[t.node].name));
                at = t.range.end;
            }
            assert_eq!(at, len, "{name}");
        }
    }
}

/// Araujo, Norris & Sim, "Computing receptive fields of convolutional neural
/// networks" (Distill, 2019), list these sizes and effective strides. Their
/// ResNets have the stride in the 1×1 convolution: the 3×3 behind it is then
/// twice as wide, which makes 2·(4 + 8 + 16) = 56 pixels in three stages.
#[test]
fn receptive_fields_are_the_published_ones() {
    for (name, node, size, jump) in [
        ("alexnet_original", "pool5", 195, 32),
        ("vgg16", "features.30", 212, 32),
        ("mobilenet_v1", "features.13.5", 315, 32),
        ("resnet50", "layer4.2.relu", 483 - 56, 32),
        ("resnet101", "layer4.2.relu", 1027 - 56, 32),
        ("resnet152", "layer4.2.relu", 1507 - 56, 32),
    ] {
        let plan = named(name);
        let fields = plan.receptive_fields();
        let field = fields[plan.node(node).expect(node).index];
        assert_eq!(field, Field::Window { size: [size; 2], jump: [jump; 2] }, "{name} {node}");
        assert_eq!(fields[plan.output], Field::Whole, "{name}");
    }
}

#[test]
fn an_unknown_name_has_a_hint() {
    let error = zoo::find("resnet8").unwrap_err();
    assert!(error.explain(Lang::En).to_string().contains("did you mean `resnet"), "{error}");
    assert!(error.explain(Lang::Ja).to_string().contains("ありません"));
    assert!(zoo::find("transformer-xl").unwrap_err().to_string().contains("kobai zoo list"));
}

/// An image that is too small is a mistake of the plan, not of the run.
#[test]
fn too_small_an_image() {
    let model = zoo::find("alexnet").unwrap();
    let settings = Settings { input: [3, 32, 32].into(), ..model.settings() };
    let errors = Plan::new(&model.graph(&settings), &PlanOptions::batch(1)).unwrap_err();
    assert_eq!(errors.0.len(), 1, "{errors}");
    assert_eq!(errors.0[0].node, "features.12");
}
