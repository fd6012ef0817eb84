//! Files of codes that are ours: safetensors with `codes`, uint8 rows × bytes, and what was learnt.

use std::collections::HashMap;
use std::path::Path;

use bitsweep_proto::Codec;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::VectorError;
use crate::matrix::Codes;

/// The name of the tensor of codes.
const CODES: &str = "codes";

/// What was learnt: a tensor of numbers, left out of the file where it is empty.
pub(crate) struct Table {
    name: &'static str,
    dtype: Dtype,
    shape: Vec<usize>,
    /// Little-endian.
    bytes: Vec<u8>,
}

impl Table {
    /// A tensor of float64.
    pub(crate) fn float64(name: &'static str, shape: Vec<usize>, numbers: &[f64]) -> Self {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Self { name, dtype: Dtype::F64, shape, bytes }
    }

    /// A tensor of float32.
    pub(crate) fn float32(name: &'static str, shape: Vec<usize>, numbers: &[f32]) -> Self {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Self { name, dtype: Dtype::F32, shape, bytes }
    }
}

/// Writes codes and tables. Equal ones give equal bytes.
pub(crate) fn write(codec: Codec, codes: &Codes, tables: &[Table], path: &Path) -> Result<(), VectorError> {
    let file = |source| VectorError::File { action: "write", path: path.to_owned(), source };
    let view = |dtype, shape: &[usize], bytes| {
        TensorView::new(dtype, shape.to_vec(), bytes).expect("tensors have the length of their shape")
    };
    let mut views = vec![(CODES, view(Dtype::U8, &[codes.rows, codes.bytes], &codes.data[..]))];
    let kept = tables.iter().filter(|table| !table.bytes.is_empty());
    views.extend(kept.map(|table| (table.name, view(table.dtype, &table.shape, &table.bytes))));
    let bytes = safetensors::serialize(views, stored_name(codec)).expect("a few tensors can be serialised");
    std::fs::write(path, bytes).map_err(file)
}

/// What a file says of itself. Those of the frozen instrument say nothing; the others could be mistaken for one another.
fn stored_name(codec: Codec) -> Option<HashMap<String, String>> {
    let stored = codec.stored();
    let seed = stored.seed().map(|seed| format!(",seed={seed}")).unwrap_or_default();
    // One entry: several would be written in any order.
    let name = || HashMap::from([("codec".to_owned(), format!("{stored}{seed}"))]);
    (!matches!(stored, Codec::Binary { .. })).then(name)
}

/// A file that was read, and says that it is of the codec wanted.
pub(crate) struct CodeFile<'a> {
    codec: Codec,
    path: &'a Path,
    bytes: Vec<u8>,
}

impl<'a> CodeFile<'a> {
    /// Reads a file of `codec`. Fails where it is no safetensors file or says that it is another's.
    pub(crate) fn read(codec: Codec, path: &'a Path) -> Result<Self, VectorError> {
        let failed = |source| VectorError::File { action: "read", path: path.to_owned(), source };
        let file = Self { codec, path, bytes: std::fs::read(path).map_err(failed)? };
        file.tensors()?;
        let (_, header) = SafeTensors::read_metadata(&file.bytes).map_err(|error| file.wrong(error.to_string()))?;
        match header.metadata() {
            said if *said == stored_name(codec) => Ok(file),
            said => Err(file.wrong(format!("it says {said:?}"))),
        }
    }

    /// The codes. Fails where they are not `width` bytes each.
    pub(crate) fn codes(&self, width: usize) -> Result<Codes, VectorError> {
        let tensors = self.tensors()?;
        let tensor = tensors.tensor(CODES).map_err(|error| self.wrong(error.to_string()))?;
        match (tensor.dtype(), tensor.shape()) {
            (Dtype::U8, [rows, found]) if *found == width => Codes::new(*rows, width, tensor.data().to_vec()),
            (dtype, shape) => Err(self.wrong(format!(
                "tensor \"{CODES}\" is {dtype:?} {shape:?}, uint8 with {width} bytes a row is expected"
            ))),
        }
    }

    /// The float64 numbers of a table. Fails where they are not `expected` finite ones; of none nothing is read.
    pub(crate) fn float64(&self, name: &str, expected: usize) -> Result<Vec<f64>, VectorError> {
        let bytes = self.numbers(name, (Dtype::F64, expected))?;
        let numbers: Vec<f64> = bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        self.finite(name, numbers.iter().all(|number| number.is_finite()))?;
        Ok(numbers)
    }

    /// The same of float32 numbers.
    pub(crate) fn float32(&self, name: &str, expected: usize) -> Result<Vec<f32>, VectorError> {
        let bytes = self.numbers(name, (Dtype::F32, expected))?;
        let numbers: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        self.finite(name, numbers.iter().all(|number| number.is_finite()))?;
        Ok(numbers)
    }

    fn numbers(&self, name: &str, (expected, count): (Dtype, usize)) -> Result<Vec<u8>, VectorError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let tensors = self.tensors()?;
        let tensor = tensors.tensor(name).map_err(|error| self.wrong(error.to_string()))?;
        let (dtype, shape) = (tensor.dtype(), tensor.shape());
        if dtype == expected && shape.iter().product::<usize>() == count {
            return Ok(tensor.data().to_vec());
        }
        Err(self.wrong(format!("tensor \"{name}\" is {dtype:?} {shape:?}, {count} of {expected:?} are expected")))
    }

    fn finite(&self, name: &str, is_finite: bool) -> Result<(), VectorError> {
        if is_finite { Ok(()) } else { Err(self.wrong(format!("tensor \"{name}\" is not finite"))) }
    }

    fn tensors(&self) -> Result<SafeTensors<'_>, VectorError> {
        SafeTensors::deserialize(&self.bytes).map_err(|error| self.wrong(error.to_string()))
    }

    fn wrong(&self, reason: String) -> VectorError {
        VectorError::Format { path: self.path.to_owned(), codec: self.codec, reason }
    }
}
