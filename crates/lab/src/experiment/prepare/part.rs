//! Examples as plain numbers, to choose from and to change.

use kobai_data::DataError;
use kobai_data::dataset::{Dataset, Inputs, Targets};

pub(super) enum Labels {
    Classes(Vec<u32>),
    Values(Vec<f32>),
}

/// Training or test examples as plain numbers.
pub(super) struct Part {
    pub(super) width: usize,
    pub(super) values: usize,
    pub(super) inputs: Vec<f32>,
    pub(super) labels: Labels,
}

impl Part {
    pub(super) fn of(data: &Dataset) -> Part {
        let width = data.shape().len();
        let all: Vec<u32> = (0..data.len() as u32).collect();
        let mut inputs = vec![0.0; data.len() * width];
        data.gather(&all, &mut inputs);
        let labels = match data.targets() {
            Targets::Classes(classes) => Labels::Classes(classes.clone()),
            Targets::Values { data, .. } => Labels::Values(data.clone()),
        };
        Part { width, values: data.target_width().unwrap_or(1), inputs, labels }
    }

    pub(super) fn len(&self) -> usize {
        self.inputs.len() / self.width
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.inputs.chunks_exact(self.width)
    }

    pub(super) fn labels_mut(&mut self) -> Option<&mut Vec<u32>> {
        match &mut self.labels {
            Labels::Classes(classes) => Some(classes),
            Labels::Values(_) => None,
        }
    }

    /// The examples at some places, in this order.
    pub(super) fn choose(&mut self, order: &[usize]) {
        let (w, v) = (self.width, self.values);
        self.inputs = order.iter().flat_map(|i| &self.inputs[i * w..][..w]).copied().collect();
        match &mut self.labels {
            Labels::Classes(c) => *c = order.iter().map(|i| c[*i]).collect(),
            Labels::Values(y) => *y = order.iter().flat_map(|i| &y[i * v..][..v]).copied().collect(),
        }
    }

    pub(super) fn keep(&mut self, flags: &[bool]) {
        let order: Vec<usize> = (0..flags.len()).filter(|i| flags[*i]).collect();
        self.choose(&order);
    }

    pub(super) fn copy(&mut self, to: usize, from: &Part, i: usize) {
        let (w, v) = (self.width, self.values);
        self.inputs[to * w..][..w].copy_from_slice(&from.inputs[i * w..][..w]);
        match (&mut self.labels, &from.labels) {
            (Labels::Classes(a), Labels::Classes(b)) => a[to] = b[i],
            (Labels::Values(a), Labels::Values(b)) => a[to * v..][..v].copy_from_slice(&b[i * v..][..v]),
            _ => {}
        }
    }

    /// Repeats examples of rare classes, in turn, until all are as frequent.
    pub(super) fn balance(&mut self) {
        let Labels::Classes(classes) = &self.labels else { return };
        let count = classes.iter().max().map_or(0, |m| *m as usize + 1);
        let mut of: Vec<Vec<usize>> = vec![Vec::new(); count];
        classes.iter().enumerate().for_each(|(i, c)| of[*c as usize].push(i));
        let most = of.iter().map(Vec::len).max().unwrap_or(0);
        let mut order = Vec::with_capacity(most * count);
        for k in 0..most {
            order.extend(of.iter().filter(|all| !all.is_empty()).map(|all| all[k % all.len()]));
        }
        self.choose(&order);
    }

    pub(super) fn like(&self, like: &Dataset) -> Result<Dataset, DataError> {
        let targets = match &self.labels {
            Labels::Classes(classes) => Targets::Classes(classes.clone()),
            Labels::Values(values) => Targets::Values { width: self.values, data: values.clone() },
        };
        let inputs = Inputs::F32(self.inputs.clone());
        let made = Dataset::new(like.name(), like.shape(), like.classes(), inputs, targets)?;
        Ok(made.with_class_names(like.class_names().to_vec()))
    }
}
