//! A pickle reader that cannot run code.
//!
//! A pickle is a program for a stack machine, and Python's machine may call
//! any function. This one knows the opcodes that hold data, and of functions
//! only those that put a state dict together ([`Global`]); every other name is
//! an error that says which it was. Memory stays linear in the length of the
//! program: containers lie in a heap and are referred to, so what a program
//! repeats is not copied.
//!
//! Source: the opcode table of CPython's `pickletools`, and
//! `torch/_utils.py`, `torch/serialization.py` for what PyTorch writes.

use super::FileProblem;
use super::heap::{Global, Heap, Storage, Tensor, Value};
use std::collections::HashMap;

/// Most axes of a tensor: PyTorch's own kernels end at 64, networks at 5.
pub(super) const MAX_RANK: usize = 16;

/// A value that came out of a program, the heap it refers to, and the bytes
/// after the program.
pub(super) type Loaded<'a> = (Value<'a>, Heap<'a>, &'a [u8]);

/// Runs a pickle to its end.
///
/// # Errors
/// What is wrong with it, or the global that is not among the known ones.
pub(super) fn run(bytes: &[u8]) -> Result<Loaded<'_>, FileProblem> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        heap: Heap::default(),
        copied: 0,
    };
    loop {
        if let Some(value) = machine.step()? {
            return Ok((value, machine.heap, &bytes[machine.at..]));
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    heap: Heap<'a>,
    /// Values copied from one container to another, at most the program's length.
    copied: usize,
}

impl<'a> Machine<'a> {
    fn bad(&self, what: &'static str) -> FileProblem {
        FileProblem::Pickle { what, at: self.at }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], FileProblem> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(FileProblem::Truncated)?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FileProblem> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, FileProblem> {
        Ok(self.array::<1>()?[0])
    }

    /// An unsigned length of `N` bytes, little end first.
    fn length<const N: usize>(&mut self) -> Result<usize, FileProblem> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.array::<N>()?);
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| FileProblem::Truncated)
    }

    fn line(&mut self) -> Result<&'a str, FileProblem> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|b| *b == b'\n').ok_or(FileProblem::Truncated)?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| self.bad("a name that is not UTF-8"))
    }

    fn text(&mut self, n: usize) -> Result<Value<'a>, FileProblem> {
        let bytes = self.take(n)?;
        std::str::from_utf8(bytes).map(Value::Text).map_err(|_| self.bad("a text that is not UTF-8"))
    }

    fn pop(&mut self) -> Result<Value<'a>, FileProblem> {
        // What lies below a mark belongs to an unfinished container.
        if self.stack.len() <= self.marks.last().copied().unwrap_or(0) {
            return Err(self.bad("the stack is empty"));
        }
        self.stack.pop().ok_or(self.bad("the stack is empty"))
    }

    fn top(&self) -> Result<Value<'a>, FileProblem> {
        self.stack.last().copied().ok_or(self.bad("the stack is empty"))
    }

    /// Everything above the last mark.
    fn above(&mut self) -> Result<Vec<Value<'a>>, FileProblem> {
        let mark = self.marks.pop().ok_or(self.bad("a mark is missing"))?;
        if mark > self.stack.len() {
            return Err(self.bad("a mark is missing"));
        }
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, n: usize) -> Result<(), FileProblem> {
        let mut items = Vec::with_capacity(n);
        for _ in 0..n {
            items.push(self.pop()?);
        }
        items.reverse();
        let tuple = self.heap.list(items);
        self.stack.push(tuple);
        Ok(())
    }

    fn append(&mut self, items: Vec<Value<'a>>) -> Result<(), FileProblem> {
        let Value::Items(list) = self.top()? else { return Err(self.bad("values for no list")) };
        self.heap.items[list].extend(items);
        Ok(())
    }

    fn set(&mut self, pairs: &[Value<'a>]) -> Result<(), FileProblem> {
        let Value::Dict(dict) = self.top()? else { return Err(self.bad("keys for no dict")) };
        let (pairs, rest) = pairs.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.bad("a key without value"));
        }
        self.heap.dicts[dict].extend(pairs.iter().map(|[k, v]| (*k, *v)));
        Ok(())
    }

    fn dict(&mut self) -> Value<'a> {
        self.heap.dicts.push(Vec::new());
        Value::Dict(self.heap.dicts.len() - 1)
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), FileProblem> {
        let known = Global::named(module, name);
        let known = known.ok_or_else(|| FileProblem::Global { name: format!("{module}.{name}") })?;
        self.stack.push(Value::Global(known));
        Ok(())
    }

    /// One opcode; the result at the last.
    fn step(&mut self) -> Result<Option<Value<'a>>, FileProblem> {
        let start = self.at;
        let value = match self.byte()? {
            // Version and frames: nothing to do.
            0x80 => {
                self.byte()?;
                return Ok(None);
            }
            0x95 => {
                self.take(8)?;
                return Ok(None);
            }
            b'.' => {
                if !self.marks.is_empty() {
                    return Err(self.bad("an unfinished container"));
                }
                return self.pop().map(Some);
            }
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            b'K' => Value::Int(self.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            0x8a => self.long()?,
            b'G' => Value::Float(f64::from_be_bytes(self.array()?)),
            b'X' | b'T' => {
                let n = self.length::<4>()?;
                self.text(n)?
            }
            0x8c | b'U' => {
                let n = self.length::<1>()?;
                self.text(n)?
            }
            0x8d => {
                let n = self.length::<8>()?;
                self.text(n)?
            }
            b'B' => {
                let n = self.length::<4>()?;
                self.take(n)?;
                Value::Bytes
            }
            b'C' => {
                let n = self.length::<1>()?;
                self.take(n)?;
                Value::Bytes
            }
            b'}' => self.dict(),
            b']' | b')' => self.heap.list(Vec::new()),
            b'(' => {
                self.marks.push(self.stack.len());
                return Ok(None);
            }
            b't' | b'l' => {
                let items = self.above()?;
                self.heap.list(items)
            }
            b'h' => {
                let key = self.byte()?.into();
                self.recall(key)?
            }
            b'j' => {
                let key = u32::from_le_bytes(self.array()?);
                self.recall(key)?
            }
            b'Q' => {
                let id = self.pop()?;
                self.storage(id)?
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.call(function, arguments)?
            }
            code => {
                return self.act(code, start).map(|()| None);
            }
        };
        self.stack.push(value);
        Ok(None)
    }

    /// Opcodes that change what is on the stack already.
    fn act(&mut self, code: u8, start: usize) -> Result<(), FileProblem> {
        match code {
            0x85..=0x87 => self.tuple(usize::from(code - 0x84))?,
            b'0' => {
                self.pop()?;
            }
            b'q' => {
                let key = self.byte()?.into();
                self.memo.insert(key, self.top()?);
            }
            b'r' => {
                let key = u32::from_le_bytes(self.array()?);
                self.memo.insert(key, self.top()?);
            }
            0x94 => {
                let key = u32::try_from(self.memo.len()).map_err(|_| self.bad("too many values"))?;
                self.memo.insert(key, self.top()?);
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.above()?;
                self.append(items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let pairs = self.above()?;
                self.set(&pairs)?;
            }
            b'd' => {
                let pairs = self.above()?;
                let dict = self.dict();
                self.stack.push(dict);
                self.set(&pairs)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => self.global(module, name)?,
                _ => return Err(self.bad("a global without name")),
            },
            // Attributes of a dict or tensor: PyTorch's `_metadata`, not needed.
            b'b' => {
                self.pop()?;
                if !matches!(self.top()?, Value::Dict(_) | Value::Tensor(_)) {
                    return Err(self.bad("attributes for a plain value"));
                }
            }
            code => return Err(FileProblem::Opcode { code, at: start }),
        }
        Ok(())
    }

    /// A whole number of up to 16 bytes, two's complement.
    fn long(&mut self) -> Result<Value<'a>, FileProblem> {
        let n = self.length::<1>()?;
        let bytes = self.take(n)?;
        if n > 16 {
            return Err(self.bad("a number of more than 16 bytes"));
        }
        let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 16];
        wide[..n].copy_from_slice(bytes);
        Ok(Value::Int(i128::from_le_bytes(wide)))
    }

    fn recall(&self, key: u32) -> Result<Value<'a>, FileProblem> {
        self.memo.get(&key).copied().ok_or(self.bad("a value that was never stored"))
    }

    fn items(&self, value: Value<'a>) -> Result<&[Value<'a>], FileProblem> {
        match value {
            Value::Items(i) => Ok(&self.heap.items[i]),
            _ => Err(self.bad("a list is missing")),
        }
    }

    fn sizes(&self, value: Value<'a>) -> Result<Vec<usize>, FileProblem> {
        let items = self.items(value)?;
        if items.len() > MAX_RANK {
            return Err(self.bad("a tensor of too many axes"));
        }
        items.iter().map(|v| self.size(*v)).collect()
    }

    fn size(&self, value: Value<'a>) -> Result<usize, FileProblem> {
        match value {
            Value::Int(n) => usize::try_from(n).map_err(|_| self.bad("a negative or huge size")),
            _ => Err(self.bad("a size that is no whole number")),
        }
    }

    /// `("storage", type, key, device, elements[, view])`.
    fn storage(&mut self, id: Value<'a>) -> Result<Value<'a>, FileProblem> {
        let [
            Value::Text("storage"),
            Value::Global(Global::Storage(dtype)),
            Value::Text(key),
            _,
            len,
            view @ ..,
        ] = self.items(id)?
        else {
            return Err(self.bad("not a storage"));
        };
        let first = match view {
            [Value::Items(view)] => match self.heap.items[*view][..] {
                [_, first, _] => self.size(first)?,
                _ => return Err(self.bad("not a view of a storage")),
            },
            _ => 0,
        };
        let storage = Storage { dtype: *dtype, key, len: self.size(*len)?, first };
        self.heap.storages.push(storage);
        Ok(Value::Storage(self.heap.storages.len() - 1))
    }

    fn call(&mut self, function: Value<'a>, arguments: Value<'a>) -> Result<Value<'a>, FileProblem> {
        let Value::Global(function) = function else { return Err(self.bad("a call of no function")) };
        let arguments = self.items(arguments)?;
        match (function, arguments) {
            (Global::OrderedDict, []) => Ok(self.dict()),
            // Python 2 wrote the pairs as the argument.
            (Global::OrderedDict, [pairs]) => self.ordered(*pairs),
            (Global::RebuildTensor, [Value::Storage(storage), offset, dims, strides, ..]) => {
                let (offset, dims, strides) =
                    (self.size(*offset)?, self.sizes(*dims)?, self.sizes(*strides)?);
                if dims.len() != strides.len() {
                    return Err(self.bad("a tensor with other strides than axes"));
                }
                let tensor = Tensor { storage: *storage, offset, dims, strides };
                self.heap.tensors.push(tensor);
                Ok(Value::Tensor(self.heap.tensors.len() - 1))
            }
            (Global::RebuildParameter, [tensor @ Value::Tensor(_), ..]) => Ok(*tensor),
            (Global::Size, [size @ Value::Items(_)]) => Ok(*size),
            _ => Err(self.bad("a call with other arguments")),
        }
    }

    fn ordered(&mut self, pairs: Value<'a>) -> Result<Value<'a>, FileProblem> {
        self.copied += self.items(pairs)?.len();
        if self.copied > self.bytes.len() {
            return Err(self.bad("more values than the file can hold"));
        }
        let mut entries = Vec::new();
        for pair in self.items(pairs)? {
            let [key, value] = self.items(*pair)? else { return Err(self.bad("a key without value")) };
            entries.push((*key, *value));
        }
        self.heap.dicts.push(entries);
        Ok(Value::Dict(self.heap.dicts.len() - 1))
    }
}
