//! Safetensors in: the header of the `safetensors` crate, which checks it, and
//! views into the bytes.

use super::{Dtype, FileProblem, Format, Weights, checked, contiguous};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype as Stored;

pub(super) fn read(bytes: Vec<u8>) -> Result<Weights, FileProblem> {
    let bad = |e: safetensors::SafeTensorError| FileProblem::Safetensors { reason: e.to_string() };
    let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(bad)?;
    // Eight bytes of length, the header, the values.
    let data = header.checked_add(8).ok_or(FileProblem::Truncated)?;
    let mut tensors = Vec::new();
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else { continue };
        let dtype = match info.dtype {
            Stored::F64 => Dtype::F64,
            Stored::F32 => Dtype::F32,
            Stored::F16 => Dtype::F16,
            Stored::BF16 => Dtype::Bf16,
            Stored::I64 => Dtype::I64,
            Stored::I32 => Dtype::I32,
            Stored::I16 => Dtype::I16,
            Stored::I8 => Dtype::I8,
            Stored::U8 => Dtype::U8,
            Stored::BOOL => Dtype::Bool,
            other => return Err(FileProblem::Dtype { tensor: name, dtype: format!("{other:?}") }),
        };
        let (start, end) = info.data_offsets;
        let (Some(start), Some(end)) = (data.checked_add(start), data.checked_add(end)) else {
            return Err(FileProblem::Truncated);
        };
        let layout = (&info.shape[..], &contiguous(&info.shape)[..], 0);
        tensors.push(checked(&name, dtype, layout, start..end.max(start), bytes.len())?);
    }
    Ok(Weights { format: Format::Safetensors, tensors, notes: Vec::new(), bytes, big_endian: false })
}
