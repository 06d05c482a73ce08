//! `torch.save` in: the ZIP form and the legacy form.
//!
//! Both are a pickle that names storages, and the storages' raw values. A
//! tensor is a view of a storage: offset, sizes, strides; tensors may share
//! storages. The storages are not copied: views point into the file.
//!
//! Source: `torch/serialization.py` (`_save`, `_legacy_save`).

use super::heap::{Heap, Value};
use super::pickle;
use super::{Dtype, FileProblem, Format, Note, Weights, checked};
use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;

/// Keys under which checkpoints keep their state dict, in the order of preference.
const KEYS: [&str; 6] = ["state_dict", "model_state_dict", "model", "module", "net", "network"];

/// First value of a legacy file.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;

/// The ZIP form.
pub(super) fn zip(bytes: Vec<u8>) -> Result<Weights, FileProblem> {
    let bad = |e: zip::result::ZipError| FileProblem::Zip { reason: e.to_string() };
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes[..])).map_err(bad)?;
    let mut entries: HashMap<String, Range<usize>> = HashMap::new();
    for i in 0..archive.len() {
        let entry = archive.by_index_raw(i).map_err(bad)?;
        let name = entry.name().map_err(bad)?.into_owned();
        if entry.compression() != zip::CompressionMethod::Stored || entry.encrypted() {
            let reason = format!("`{name}` is compressed or encrypted");
            return Err(FileProblem::Zip { reason });
        }
        let start = entry.data_start().and_then(|start| usize::try_from(start).ok());
        let start = start.ok_or(FileProblem::Truncated)?;
        let len = usize::try_from(entry.size()).map_err(|_| FileProblem::Truncated)?;
        let end = start.checked_add(len).filter(|end| *end <= bytes.len());
        // The first part is the archive's name, whatever that is.
        let name = name.split_once('/').map_or(name.clone(), |(_, rest)| rest.to_owned());
        entries.insert(name, start..end.ok_or(FileProblem::Truncated)?);
    }
    drop(archive);
    let pickle = entries.get("data.pkl").ok_or(FileProblem::Zip { reason: "no data.pkl".into() })?;
    let (root, heap, _) = pickle::run(&bytes[pickle.clone()])?;
    let place = |key: &str, _: Dtype| entries.get(&format!("data/{key}")).cloned();
    let (tensors, notes) = tensors(root, &heap, bytes.len(), place)?;
    let big_endian = entries.get("byteorder").is_some_and(|r| bytes[r.clone()].starts_with(b"big"));
    Ok(Weights { format: Format::Zip, tensors, notes, bytes, big_endian })
}

/// The legacy form: magic number, version, facts about the system, the
/// pickle, the keys of the storages, the storages.
pub(super) fn legacy(bytes: Vec<u8>) -> Result<Weights, FileProblem> {
    let (magic, _, rest) = pickle::run(&bytes).map_err(|e| match e {
        // Some other pickle.
        FileProblem::Global { name } => FileProblem::Global { name },
        _ => FileProblem::Unknown,
    })?;
    if magic != Value::Int(MAGIC) {
        return Err(FileProblem::Unknown);
    }
    let (_version, _, rest) = pickle::run(rest)?;
    let (system, system_heap, rest) = pickle::run(rest)?;
    let big_endian = match system {
        Value::Dict(facts) => system_heap.get(facts, "little_endian") == Some(Value::Bool(false)),
        _ => false,
    };
    let (root, heap, rest) = pickle::run(rest)?;
    let (keys, key_heap, mut rest) = pickle::run(rest)?;
    let Value::Items(keys) = keys else {
        return Err(FileProblem::Pickle { what: "no list of storages", at: 0 });
    };

    let dtypes: HashMap<&str, Dtype> = heap.storages.iter().map(|s| (s.key, s.dtype)).collect();
    let mut places: HashMap<&str, Range<usize>> = HashMap::new();
    for key in &key_heap.items[keys] {
        let Value::Text(key) = *key else {
            return Err(FileProblem::Pickle { what: "a storage without a key", at: 0 });
        };
        let dtype = dtypes.get(key).ok_or(FileProblem::Storage { key: key.into() })?;
        let (len, values) = rest.split_first_chunk::<8>().ok_or(FileProblem::Truncated)?;
        let len = if big_endian { u64::from_be_bytes(*len) } else { u64::from_le_bytes(*len) };
        let size = usize::try_from(len).ok().and_then(|n| n.checked_mul(dtype.size()));
        let size = size.filter(|size| *size <= values.len()).ok_or(FileProblem::Truncated)?;
        let start = bytes.len() - values.len();
        places.insert(key, start..start + size);
        rest = &values[size..];
    }
    let place = |key: &str, dtype: Dtype| {
        // Two types for one storage would make its length ambiguous.
        places.get(key).filter(|_| dtypes.get(key) == Some(&dtype)).cloned()
    };
    let (tensors, notes) = tensors(root, &heap, bytes.len(), place)?;
    Ok(Weights { format: Format::Legacy, tensors, notes, bytes, big_endian })
}

/// The state dict inside what was saved, as views into the file.
fn tensors(
    root: Value<'_>,
    heap: &Heap<'_>,
    file: usize,
    place: impl Fn(&str, Dtype) -> Option<Range<usize>>,
) -> Result<(Vec<super::View>, Vec<Note>), FileProblem> {
    let (dict, mut notes) = state_dict(root, heap)?;
    let mut views = Vec::new();
    let mut others = 0;
    for (name, value) in &heap.dicts[dict] {
        let (Value::Text(name), Value::Tensor(tensor)) = (name, value) else {
            others += 1;
            continue;
        };
        let tensor = &heap.tensors[*tensor];
        let storage = heap.storages[tensor.storage];
        let missing = || FileProblem::Storage { key: storage.key.into() };
        let bytes = place(storage.key, storage.dtype).ok_or_else(missing)?;
        let skip = storage.first.checked_mul(storage.dtype.size()).filter(|s| *s <= bytes.len());
        let start = skip.and_then(|skip| bytes.start.checked_add(skip)).ok_or_else(missing)?;
        let layout = (&tensor.dims[..], &tensor.strides[..], tensor.offset);
        views.push(checked(name, storage.dtype, layout, start..bytes.end, file)?);
    }
    if others > 0 {
        notes.push(Note::Others(others));
    }
    Ok((views, notes))
}

/// The dict of tensors, and the keys that lead to it.
fn state_dict(root: Value<'_>, heap: &Heap<'_>) -> Result<(usize, Vec<Note>), FileProblem> {
    let mut notes = Vec::new();
    let Value::Dict(mut dict) = root else { return Err(FileProblem::NoTensors) };
    // A dict may contain itself: a few levels, no more.
    for _ in 0..4 {
        let inner = KEYS.iter().find_map(|key| match heap.get(dict, key) {
            Some(Value::Dict(inner)) => Some((*key, inner)),
            _ => None,
        });
        let Some((key, inner)) = inner else { break };
        notes.push(Note::Nested(key.into()));
        dict = inner;
    }
    if heap.dicts[dict].iter().any(|(_, value)| matches!(value, Value::Tensor(_))) {
        Ok((dict, notes))
    } else {
        Err(FileProblem::NoTensors)
    }
}
