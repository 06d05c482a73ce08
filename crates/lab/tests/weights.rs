//! Weight files as PyTorch writes them (`tools/golden/weight_files.py`): every
//! form gives the same tensors, nothing is run, and no damage panics.

use kobai_engine::{Explain, Lang};
use kobai_lab::weights::{FileProblem, Format, Note, Weights, npy};
use std::path::PathBuf;

fn bytes(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/weights").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read(name: &str) -> Weights {
    Weights::parse(bytes(name)).unwrap_or_else(|e| panic!("{name}: {e:?}"))
}

fn problem(name: &str) -> FileProblem {
    Weights::parse(bytes(name)).err().unwrap_or_else(|| panic!("{name} was read"))
}

/// The script's values: whole eighths, exact in every type.
fn eighths(n: usize) -> Vec<f64> {
    (0..n).map(|i| (i % 61) as f64 / 8.0 - 3.75).collect()
}

/// Every tensor of the script, row-major.
fn expected() -> Vec<(&'static str, Vec<usize>, Vec<f64>)> {
    let turned = (0..35).map(|i| eighths(35)[i % 5 * 7 + i / 5]).collect();
    vec![
        ("conv.weight", vec![4, 3, 3, 3], eighths(108)),
        ("conv.channels_last", vec![4, 3, 2, 2], eighths(48)),
        ("turned.weight", vec![7, 5], turned),
        ("shared.first", vec![16], eighths(16)),
        ("shared.second", vec![4, 6], eighths(40)[16..].to_vec()),
        ("half", vec![9], eighths(9)),
        ("bfloat", vec![9], eighths(9)),
        ("double", vec![9], eighths(9)),
        ("norm.num_batches_tracked", vec![], vec![123_456_789_012.0]),
        ("empty", vec![0, 3], vec![]),
    ]
}

#[test]
fn every_form_gives_the_same_tensors() {
    let nested = [Note::Nested("state_dict".into()), Note::Prefix("module.".into())];
    for (name, format, notes) in [
        ("zip.pth", Format::Zip, &[][..]),
        ("legacy.pth", Format::Legacy, &[]),
        ("nested_zip.pth", Format::Zip, &nested),
        ("nested_legacy.pth", Format::Legacy, &nested),
        ("plain.safetensors", Format::Safetensors, &[]),
    ] {
        let weights = read(name);
        assert_eq!(weights.format, format, "{name}");
        assert_eq!(weights.notes, notes, "{name}");
        let expected = expected();
        assert_eq!(weights.tensors.len(), expected.len(), "{name}");
        for (tensor, dims, values) in expected {
            let view = weights.get(tensor).unwrap_or_else(|| panic!("{name}: no {tensor}"));
            assert_eq!(view.dims, dims, "{name}: {tensor}");
            assert_eq!(weights.values::<f64>(view), values, "{name}: {tensor}");
        }
    }
}

/// The order of a state dict is the network's: `zoo show --json` promises it.
#[test]
fn pytorch_files_keep_their_order() {
    for name in ["zip.pth", "nested_legacy.pth"] {
        let weights = read(name);
        let names: Vec<&str> = weights.tensors.iter().map(|t| t.name.as_str()).collect();
        let expected = expected();
        assert_eq!(names, expected.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn what_is_more_than_data_is_refused() {
    for name in ["evil_zip.pth", "evil_legacy.pth"] {
        let FileProblem::Global { name: asked } = problem(name) else {
            panic!("{name}: {:?}", problem(name))
        };
        assert!(asked.ends_with(".system"), "{name} asks for {asked}");
    }
    let FileProblem::Global { name } = problem("whole_model.pth") else { panic!() };
    assert_eq!(name, "torch.nn.modules.linear.Linear");
    assert_eq!(problem("no_tensors.pth"), FileProblem::NoTensors);
    for other in [&b""[..], b"PK", b"\x80", b"{}", b"\xff\xd8\xff\xe0 a picture", &[0; 64]] {
        assert!(Weights::parse(other.to_vec()).is_err(), "{other:?}");
    }
}

/// Every prefix and every damaged byte of every form: an error or other
/// values, never a panic, and never more elements than the file could hold.
#[test]
fn damage_is_an_error_and_not_a_panic() {
    let forms = ["zip.pth", "legacy.pth", "nested_zip.pth", "nested_legacy.pth", "plain.safetensors"];
    for name in forms.into_iter().chain(["evil_zip.pth", "evil_legacy.pth"]) {
        let whole = bytes(name);
        let mut refused = 0;
        let mut look = |bytes: Vec<u8>| {
            let len = bytes.len();
            match Weights::parse(bytes) {
                Ok(weights) => {
                    for view in &weights.tensors {
                        assert!(view.len() <= len + (1 << 16), "{name}: {view:?}");
                        assert_eq!(weights.values::<f32>(view).len(), view.len());
                    }
                }
                Err(problem) => {
                    refused += 1;
                    let error = kobai_lab::weights::WeightsError::File { path: name.into(), problem };
                    assert!(!error.explain(Lang::Ja).to_string().is_empty());
                }
            }
        };
        for len in 0..whole.len() {
            look(whole[..len].to_vec());
        }
        for at in 0..whole.len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= mask;
                look(bytes);
            }
        }
        assert!(refused >= whole.len() / 2, "{name}: only {refused} damaged files were refused");
    }
}

/// NumPy's two orders of elements, and what is not an array of fractions.
#[test]
fn numpy_arrays() {
    let file = |descr: &str, fortran: &str, shape: &str, values: &[u8]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(values);
        bytes
    };
    let values: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let rows = npy::read(&file("<f4", "False", "(2, 3)", &values)).unwrap();
    assert_eq!((rows.dims, rows.values), (vec![2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
    let columns = npy::read(&file("<f4", "True", "(2, 3)", &values)).unwrap();
    assert_eq!(columns.values, [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    let nothing = npy::read(&file("<f4", "True", "(2, 0)", &[])).unwrap();
    assert!(nothing.values.is_empty());
    let written = npy::write(&[2, 3], &columns.values);
    assert_eq!(npy::read(&written).unwrap().values, columns.values);
    assert!(matches!(npy::read(&file("|u1", "False", "(24,)", &values)), Err(npy::NpyError::Type(_))));
    assert!(matches!(
        npy::read(&file("<f4", "False", "(7,)", &values)),
        Err(npy::NpyError::Length { got: 24, .. })
    ));
    let huge = "(4294967296, 4294967296, 4294967296)";
    assert!(matches!(
        npy::read(&file("<f4", "False", huge, &values)),
        Err(npy::NpyError::Length { expected: None, .. })
    ));
}
