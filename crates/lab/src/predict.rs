//! What a trained network says about images: `kobai predict`.
//!
//! A network of the zoo, weights from a file, images through the published
//! preprocessing or as an array that somebody else prepared.

use crate::store::{StoreError, write_whole};
use crate::weights::{self, Report, Weights, WeightsError, npy};
use kobai_data::DataError;
use kobai_data::image;
use kobai_engine::loss::Targets;
use kobai_engine::zoo::{Model, Settings};
use kobai_engine::{Executor, Explain, Explanation, Lang, Plan, PlanErrors, PlanOptions, Shape, say};
use kobai_kernels::Pool;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most images that run at once.
const BATCH: usize = 8;
/// Shorter side that a picture is resized to, and the side of the square cut
/// out of its middle, as the published weights expect.
const RESIZE: usize = 256;

/// Why nothing was predicted.
#[derive(Debug)]
#[non_exhaustive]
pub enum PredictError {
    /// The weights cannot be used.
    Weights(WeightsError),
    /// The network does not take images of this size.
    Plan(PlanErrors),
    /// The picture cannot be read.
    Picture(DataError),
    /// The array cannot be read.
    Array {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        problem: npy::NpyError,
    },
    /// A file cannot be read.
    Read {
        /// Where.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The array is not a batch of images.
    Extents(Vec<usize>),
    /// The images have another number of channels than the network reads.
    Channels {
        /// The network's.
        expected: usize,
        /// The images'.
        got: usize,
    },
    /// The result cannot be written.
    Write(StoreError),
}

impl Explain for PredictError {
    fn explain(&self, lang: Lang) -> Explanation {
        match self {
            PredictError::Weights(e) => e.explain(lang),
            PredictError::Plan(e) => e.explain(lang),
            PredictError::Picture(e) => e.explain(lang),
            PredictError::Write(e) => e.explain(lang),
            PredictError::Array { path, problem } => {
                let path = path.display();
                problem.explain(lang).fact(say!(lang, "file: {path}", "ファイル: {path}"))
            }
            PredictError::Read { path, source } => {
                let path = path.display();
                Explanation::new(say!(lang, "cannot read {path}", "{path} を読めません"))
                    .fact(say!(lang, "the system says: {source}", "システムの説明: {source}"))
                    .hint(say!(lang, "check the path", "パスを確かめてください"))
            }
            PredictError::Extents(dims) => {
                let got = dims.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
                Explanation::new(say!(
                    lang,
                    "the array is not a batch of images",
                    "配列が画像のバッチではありません"
                ))
                .fact(say!(
                    lang,
                    "expected images×channels×height×width, got {got}",
                    "期待: 画像×チャネル×高さ×幅、実際: {got}"
                ))
                .hint(say!(
                    lang,
                    "one image is 1×C×H×W: x[None] in NumPy",
                    "1 枚なら 1×C×H×W（NumPy では x[None]）"
                ))
            }
            PredictError::Channels { expected, got } => Explanation::new(say!(
                lang,
                "the images have {got} channels, the network reads {expected}",
                "画像のチャネル数は {got} ですが、ネットワークの入力は {expected} です"
            ))
            .hint(say!(
                lang,
                "the order is images×channels×height×width: numpy.transpose(x, (0, 3, 1, 2)) brings channels forward",
                "順序は画像×チャネル×高さ×幅です。チャネルが最後なら numpy.transpose(x, (0, 3, 1, 2))"
            )),
        }
    }
}

/// A network with its weights, ready for images of one size.
#[derive(Debug)]
pub struct Predictor {
    exec: Executor<f32>,
    shape: Shape,
}

/// A class and the probability that the network gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// Index of the class.
    pub class: usize,
    /// Soft-max of its logit.
    pub probability: f32,
}

impl Predictor {
    /// Builds a network and loads its weights.
    ///
    /// # Errors
    /// If the network cannot be planned or the file does not fit it.
    pub fn new(
        model: &Model,
        settings: &Settings,
        file: &Path,
        pool: Arc<Pool>,
    ) -> Result<(Predictor, Report), PredictError> {
        let (expected, got) = (model.input[0], settings.input.dims()[0]);
        if expected != got {
            return Err(PredictError::Channels { expected, got });
        }
        let plan =
            Plan::new(&model.graph(settings), &PlanOptions::batch(BATCH)).map_err(PredictError::Plan)?;
        let weights = Weights::read(file).map_err(PredictError::Weights)?;
        let mut exec = Executor::new(Arc::new(plan), 0, pool);
        let report = weights::load(&weights, &mut exec).map_err(|e| PredictError::Weights(e.into()))?;
        Ok((Predictor { exec, shape: settings.input }, report))
    }

    /// Writes the weights as safetensors in torchvision's names and layout,
    /// whatever form they came in.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), PredictError> {
        weights::save(path, &self.exec).map_err(PredictError::Weights)
    }

    /// Logits, one row of classes for each image.
    ///
    /// `images`: any number of images, each channels-last.
    ///
    /// # Panics
    /// If the length is not a multiple of an image's.
    pub fn logits(&mut self, images: &[f32]) -> Vec<f32> {
        let len = self.shape.len();
        assert_eq!(images.len() % len, 0, "images of {len} values");
        let mut all = Vec::new();
        for batch in images.chunks(BATCH * len) {
            let n = batch.len() / len;
            self.exec.eval_input(n).copy_from_slice(batch);
            // The targets only decide a score that nobody reads.
            let _ = self.exec.evaluate(n, Targets::Classes(&[0; BATCH][..n]));
            all.extend_from_slice(self.exec.outputs(n));
        }
        all
    }

    /// The likeliest classes of one picture, the likeliest first, after the
    /// preprocessing that the network's published weights expect: shorter side
    /// to 256, the middle 224×224 (in proportion for other input sizes), mean
    /// and deviation of the colours.
    ///
    /// # Errors
    /// If the picture cannot be read.
    pub fn classify(
        &mut self,
        model: &Model,
        picture: &Path,
        most: usize,
    ) -> Result<Vec<Guess>, PredictError> {
        let side = self.shape.dims()[1];
        let wrong = |problem| PredictError::Picture(DataError::Image { file: picture.to_owned(), problem });
        let image = image::read(picture).map_err(PredictError::Picture)?;
        let image = image.resize_shorter(side * RESIZE / 224).map_err(wrong)?.center_crop(side);
        let [mean, std] = weights::published::normalisation(model.name);
        let logits = self.logits(&image.normalized(mean, std));
        let top = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        let total: f32 = logits.iter().map(|x| (x - top).exp()).sum();
        let mut guesses: Vec<Guess> = logits
            .iter()
            .enumerate()
            .map(|(class, x)| Guess { class, probability: (x - top).exp() / total })
            .collect();
        guesses.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.class.cmp(&b.class)));
        guesses.truncate(most);
        Ok(guesses)
    }
}

/// A batch of images from a `.npy` file, N×C×H×W: number, shape, values channels-last.
///
/// # Errors
/// If it cannot be read or is no batch of images.
pub fn images(path: &Path) -> Result<(usize, Shape, Vec<f32>), PredictError> {
    let bytes = std::fs::read(path).map_err(|source| PredictError::Read { path: path.to_owned(), source })?;
    let array =
        npy::read(&bytes).map_err(|problem| PredictError::Array { path: path.to_owned(), problem })?;
    let [n, c, h, w] = *array.dims else { return Err(PredictError::Extents(array.dims)) };
    if array.values.is_empty() {
        return Err(PredictError::Extents(array.dims));
    }
    let mut values = vec![0.0; array.values.len()];
    for (i, value) in array.values.iter().enumerate() {
        let (image, channel, position) = (i / (c * h * w), i / (h * w) % c, i % (h * w));
        values[(image * h * w + position) * c + channel] = *value;
    }
    Ok((n, Shape::new(&[c, h, w]), values))
}

/// Writes logits as a `.npy` file, N×classes.
///
/// # Errors
/// If it cannot be written.
pub fn write_logits(path: &Path, n: usize, logits: &[f32]) -> Result<(), PredictError> {
    write_whole(path, &npy::write(&[n, logits.len() / n], logits)).map_err(PredictError::Write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kobai_engine::zoo;

    /// Saved weights, read back, give the saving network's own outputs, also
    /// for more images than run at once; channels are where NumPy puts them.
    #[test]
    fn saved_weights_predict_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let model = zoo::find("mobilenet_v2_cifar").unwrap();
        let settings = Settings { classes: 7, narrow: 4, input: [3, 32, 32].into() };
        let plan: Arc<Plan> = Plan::new(&model.graph(&settings), &PlanOptions::batch(BATCH)).unwrap().into();
        let pool = || Arc::new(Pool::serial());
        let mut exec = Executor::<f32>::new(Arc::clone(&plan), 3, pool());
        for (i, x) in exec.state_mut().iter_mut().enumerate() {
            *x = 0.5 + (i % 5) as f32 / 10.0;
        }
        let file = folder.path().join("w.safetensors");
        weights::save(&file, &exec).unwrap();
        let n = BATCH + 3;
        let x: Vec<f32> = (0..n * 3 * 32 * 32).map(|i| ((i * 37 % 101) as f32 / 50.0) - 1.0).collect();
        let array = folder.path().join("x.npy");
        std::fs::write(&array, npy::write(&[n, 3, 32, 32], &x)).unwrap();
        let (count, shape, images) = images(&array).unwrap();
        assert_eq!((count, shape), (n, settings.input));
        assert_eq!(images[1], x[32 * 32], "the second value is the second channel of the first pixel");
        let (mut predictor, report) = Predictor::new(model, &settings, &file, pool()).unwrap();
        assert_eq!(report.elements, plan.param_len() + plan.state_len());
        let got = predictor.logits(&images);
        for i in 0..n {
            exec.eval_input(1).copy_from_slice(&images[i * shape.len()..][..shape.len()]);
            let _ = exec.evaluate(1, Targets::Classes(&[0]));
            assert_eq!(exec.outputs(1), &got[i * 7..][..7], "image {i}");
        }
        let wrong = Settings { classes: 8, ..settings };
        let error = Predictor::new(model, &wrong, &file, pool()).unwrap_err();
        assert!(matches!(error, PredictError::Weights(WeightsError::Mismatch(m)) if m.shapes.len() == 2));
    }
}
