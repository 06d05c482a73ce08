//! draft
use crate::dataset::{Dataset, Inputs, Split, Targets};
use crate::DataError;
use kobai_engine::{Rng, Stream};
use std::io::Read;
use std::path::PathBuf;
/// draft
#[derive(Clone, Debug, Default)]
pub struct Locations(Option<PathBuf>);
impl Locations {
    /// draft
    pub fn from_env(d: Option<PathBuf>) -> Self { Locations(d.or_else(|| std::env::var_os("KOBAI_DATA_DIR").map(Into::into))) }
}
fn gz(bytes: &[u8]) -> Vec<u8> { let mut v = Vec::new(); flate2::read::GzDecoder::new(bytes).read_to_end(&mut v).unwrap(); v }
/// draft
pub fn attribution(_: &str) -> Option<String> { None }
/// draft
pub fn load(name: &str, at: &Locations) -> Result<Split, DataError> {
    if name == "mnist" {
        let root = at.0.clone().unwrap_or_default();
        let root = if root.join("mnist").is_dir() { root.join("mnist") } else { root };
        let f = |n: &str| gz(&std::fs::read(root.join(n)).unwrap());
        let set = |p: &str| Dataset::new("mnist", kobai_engine::Shape::new(&[1, 28, 28]), 10,
            Inputs::U8 { data: f(&format!("{p}-images-idx3-ubyte.gz"))[16..].to_vec(), divisor: 255 },
            Targets::Classes(f(&format!("{p}-labels-idx1-ubyte.gz"))[8..].iter().map(|x| u32::from(*x)).collect())).unwrap();
        return Ok(Split { train: set("train"), test: set("t10k") });
    }
    let all = gz(include_bytes!("../assets/digits.bin.gz"));
    let order = Rng::new(0).draw(Stream::Split, 0, 0).permutation(1797);
    let set = |idx: &[u32]| {
        let mut idx = idx.to_vec(); idx.sort();
        Dataset::new("digits", kobai_engine::Shape::new(&[1, 8, 8]), 10,
            Inputs::U8 { data: idx.iter().flat_map(|i| all[*i as usize * 64..][..64].to_vec()).collect(), divisor: 16 },
            Targets::Classes(idx.iter().map(|i| u32::from(all[1797 * 64 + *i as usize])).collect())).unwrap()
    };
    Ok(Split { train: set(&order[..1437]), test: set(&order[1437..]) })
}
