//! What a pickle program makes: values on a stack, and the heap that they refer to.

use super::Dtype;

/// The functions and classes that may be named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Global {
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`, and the older one without suffix.
    RebuildTensor,
    RebuildParameter,
    Size,
    Storage(Dtype),
}

impl Global {
    pub(super) fn named(module: &str, name: &str) -> Option<Global> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Global::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Global::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
            ("torch", "Size") => Global::Size,
            ("torch" | "torch.cuda" | "torch.storage", storage) => Global::Storage(match storage {
                "DoubleStorage" => Dtype::F64,
                "FloatStorage" => Dtype::F32,
                "HalfStorage" => Dtype::F16,
                "BFloat16Storage" => Dtype::Bf16,
                "LongStorage" => Dtype::I64,
                "IntStorage" => Dtype::I32,
                "ShortStorage" => Dtype::I16,
                "CharStorage" => Dtype::I8,
                "ByteStorage" => Dtype::U8,
                "BoolStorage" => Dtype::Bool,
                _ => return None,
            }),
            _ => return None,
        })
    }
}

/// What the stack holds: small values, and places in the heap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a str),
    Bytes,
    Global(Global),
    /// Lists and tuples.
    Items(usize),
    Dict(usize),
    Storage(usize),
    Tensor(usize),
}

/// Values that lie in the file, outside the pickle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Storage<'a> {
    pub(super) dtype: Dtype,
    pub(super) key: &'a str,
    /// Elements of the whole storage.
    pub(super) len: usize,
    /// Where a view of it begins (legacy files).
    pub(super) first: usize,
}

/// A tensor over a storage.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) storage: usize,
    pub(super) offset: usize,
    pub(super) dims: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Everything that a program made.
#[derive(Debug, Default)]
pub(super) struct Heap<'a> {
    pub(super) items: Vec<Vec<Value<'a>>>,
    pub(super) dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
    pub(super) storages: Vec<Storage<'a>>,
    pub(super) tensors: Vec<Tensor>,
}

impl<'a> Heap<'a> {
    /// The last value of a text key.
    pub(super) fn get(&self, dict: usize, key: &str) -> Option<Value<'a>> {
        self.dicts[dict].iter().rev().find(|(k, _)| *k == Value::Text(key)).map(|(_, v)| *v)
    }

    pub(super) fn list(&mut self, items: Vec<Value<'a>>) -> Value<'a> {
        self.items.push(items);
        Value::Items(self.items.len() - 1)
    }
}
