//! An executor as a safetensors file that PyTorch loads with `strict=True`.

use super::load::{COUNTER, memory_strides};
use super::{WeightsError, each_offset};
use crate::store;
use kobai_engine::{Executor, Plan};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::Path;

/// Params and state by name as float32 safetensors in PyTorch's layout.
/// `steps` goes into batch normalisation's counters.
///
/// # Errors
/// If two tensors have the same name or the header becomes too long.
pub fn serialize(
    plan: &Plan,
    params: &[f32],
    state: &[f32],
    steps: u64,
) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for slot in &plan.params {
        let values = &params[slot.range.clone()];
        let strides = memory_strides(slot.spec.layout, &slot.spec.dims);
        let mut bytes = Vec::with_capacity(values.len() * 4);
        each_offset(&slot.spec.dims, &strides, |at| bytes.extend(values[at].to_le_bytes()));
        tensors.push((slot.name.clone(), Dtype::F32, slot.spec.dims.clone(), bytes));
    }
    for slot in &plan.state {
        let values = &state[slot.range.clone()];
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        tensors.push((slot.name.clone(), Dtype::F32, vec![values.len()], bytes));
        // PyTorch keeps a counter behind the running variance.
        if let Some(node) = slot.name.strip_suffix("running_var") {
            let count = i64::try_from(steps).unwrap_or(i64::MAX).to_le_bytes().to_vec();
            tensors.push((format!("{node}{COUNTER}"), Dtype::I64, Vec::new(), count));
        }
    }
    let views = tensors
        .iter()
        .map(|(name, dtype, dims, data)| Ok((name.as_str(), TensorView::new(*dtype, dims.clone(), data)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize(views, Some(metadata))
}

/// Writes an executor's params and state, all of the file or nothing.
///
/// # Errors
/// If the file cannot be written.
pub fn save(path: &Path, exec: &Executor<f32>) -> Result<(), WeightsError> {
    let bytes = serialize(exec.plan(), exec.params(), exec.state(), exec.step());
    let bytes = bytes.map_err(|e| store::StoreError {
        path: path.to_path_buf(),
        source: std::io::Error::other(e.to_string()),
    })?;
    Ok(store::write_whole(path, &bytes)?)
}
