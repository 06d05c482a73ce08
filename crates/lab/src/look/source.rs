//! A network with its weights, and the pictures that it is shown.

use super::Trace;
use crate::experiment::{Changes, Experiment, ExperimentError, Feed};
use crate::predict::PredictError;
use crate::runner::Job;
use crate::session::prepared as prepared_split;
use crate::store::{StoreError, run_name, write_whole};
use crate::weights::{self, Weights, WeightsError};
use kobai_data::image::{self, Image};
use kobai_data::{DataError, Dataset, Inputs, Locations, Split, Targets, registry};
use kobai_engine::plan::NodePlan;
use kobai_engine::text::nearest;
use kobai_engine::zoo::{Model, Settings};
use kobai_engine::{Executor, Explain, Explanation, Lang, Plan, PlanOptions, Shape, say};
use kobai_kernels::Pool;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a network and its weights come from.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A network of the zoo and a file of weights.
    Zoo {
        /// The network.
        model: &'static Model,
        /// What it is built for.
        settings: Settings,
        /// The weights.
        weights: PathBuf,
    },
    /// A network that `kobai lab run` trained.
    Run {
        /// The run folder.
        folder: PathBuf,
        /// The row; the first by default.
        row: Option<String>,
        /// The seed; the first by default.
        seed: Option<u64>,
    },
}

/// Why there is nothing to look at.
#[derive(Debug)]
#[non_exhaustive]
pub enum LookError {
    /// Weights, network or picture.
    Predict(PredictError),
    /// The folder's experiment cannot be read.
    Experiment(ExperimentError),
    /// The data that the network was trained on are not there.
    Data(DataError),
    /// The folder holds no run.
    NoRun {
        /// The folder.
        folder: PathBuf,
        /// What is missing in it.
        file: String,
    },
    /// There is no such row, layer or example.
    Unknown {
        /// What was asked for: `row`, `layer`, `example`, `class`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A picture cannot be written.
    Write(StoreError),
}

impl From<WeightsError> for LookError {
    fn from(error: WeightsError) -> Self {
        LookError::Predict(PredictError::Weights(error))
    }
}

impl Explain for LookError {
    fn explain(&self, lang: Lang) -> Explanation {
        match self {
            LookError::Predict(e) => e.explain(lang),
            LookError::Experiment(e) => e.explain(lang),
            LookError::Data(e) => e.explain(lang),
            LookError::Write(e) => e.explain(lang),
            LookError::NoRun { folder, file } => {
                let folder = folder.display();
                Explanation::new(say!(
                    lang,
                    "{folder} is no folder of a finished `kobai lab run`",
                    "{folder} は `kobai lab run` の結果フォルダーではありません"
                ))
                .fact(say!(lang, "missing: {file}", "ないもの: {file}"))
                .hint(say!(
                    lang,
                    "such as --run runs/famous-cnns-shapes",
                    "例: --run runs/famous-cnns-shapes"
                ))
            }
            LookError::Unknown { what: "layer", known, .. } if known.is_empty() => Explanation::new(say!(
                lang,
                "this network has no convolution and no image to look at",
                "このネットワークには、見るべき畳み込みや画像がありません"
            )),
            LookError::Unknown { what, name, known } => {
                let what = match *what {
                    "row" => lang.pick("row", "行"),
                    "layer" => lang.pick("layer of that kind", "その種類の層"),
                    "class" => lang.pick("class", "クラス"),
                    _ => lang.pick("test example", "テスト例"),
                };
                let e = Explanation::new(say!(
                    lang,
                    "there is no {what} `{name}`",
                    "{what} `{name}` はありません"
                ));
                let e = match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => e.hint(say!(lang, "did you mean `{near}`?", "`{near}` のことですか？")),
                    None => e,
                };
                let known = known.join(", ");
                e.fact(say!(lang, "known: {known}", "あるもの: {known}"))
            }
        }
    }
}

/// A network with its weights.
#[derive(Debug)]
pub struct Network {
    exec: Executor<f32>,
    shape: Shape,
    preparation: Preparation,
}

/// How a picture becomes an example.
#[derive(Debug)]
enum Preparation {
    /// The published preprocessing of a network of the zoo.
    Published(&'static Model),
    /// That of a row, with the data it was trained on.
    Row(Feed, Box<Split>),
}

/// A picture as a person sees it and as the network does.
#[derive(Debug)]
pub struct Shown {
    /// The picture, of the network's size.
    pub picture: Image,
    /// The example, channels last.
    pub example: Vec<f32>,
    /// Its class, where that is known.
    pub class: Option<u32>,
}

fn single() -> Arc<Pool> {
    Arc::new(Pool::serial())
}

impl Network {
    /// Builds a network and loads its weights.
    ///
    /// # Errors
    /// If something is missing or does not fit.
    pub fn open(subject: &Subject, locations: &Locations) -> Result<Network, LookError> {
        match subject {
            Subject::Zoo { model, settings, weights } => {
                let plan = Plan::new(&model.graph(settings), &PlanOptions::batch(2));
                let plan = plan.map_err(|e| LookError::Predict(PredictError::Plan(e)))?;
                let preparation = Preparation::Published(model);
                Network::with(plan, &Weights::read(weights)?, settings.input, preparation)
            }
            Subject::Run { folder, row, seed } => {
                let text = |name: &str| {
                    let missing = |_| LookError::NoRun { folder: folder.clone(), file: name.into() };
                    std::fs::read_to_string(folder.join(name)).map_err(missing)
                };
                let environment: serde_json::Value =
                    serde_json::from_str(&text("environment.json")?).unwrap_or_default();
                let data = environment["data"].as_str().unwrap_or_default();
                let split = registry::load(data, locations).map_err(LookError::Data)?;
                let outputs = split.train.target_width().unwrap_or(split.train.classes());
                let changes = Changes {
                    outputs: Some(outputs),
                    train_len: Some(split.train.len()),
                    ..Changes::default()
                };
                let experiment =
                    Experiment::from_toml("experiment.toml", &text("experiment.toml")?, &changes)
                        .map_err(LookError::Experiment)?;
                let name = row.clone().unwrap_or_else(|| experiment.rows[0].id.clone());
                let Some(index) = experiment.rows.iter().position(|r| r.id == name) else {
                    let known = experiment.rows.iter().map(|r| r.id.clone()).collect();
                    return Err(LookError::Unknown { what: "row", name, known });
                };
                let seed = seed.or_else(|| environment["seeds"][0].as_u64()).unwrap_or(0);
                let file =
                    format!("checkpoints/{}.safetensors", run_name(&experiment, Job { row: index, seed }));
                if !folder.join(&file).is_file() {
                    return Err(LookError::NoRun { folder: folder.clone(), file });
                }
                let split = prepared_split(&experiment, split).map_err(LookError::Data)?;
                Network::of_row(&experiment, index, &split, &folder.join(file))
            }
        }
    }

    /// The network of a row with the weights of a checkpoint.
    ///
    /// # Errors
    /// If the file does not fit.
    pub fn of_row(
        experiment: &Experiment,
        row: usize,
        split: &Split,
        checkpoint: &Path,
    ) -> Result<Network, LookError> {
        let row = &experiment.rows[row];
        let plan = Plan::new(&row.model.graph(split.train.shape()), &PlanOptions::batch(2));
        let plan = plan.map_err(|e| LookError::Predict(PredictError::Plan(e)))?;
        let shuffled = row.feed.split(split).unwrap_or_else(|| split.clone());
        let preparation = Preparation::Row(row.feed, Box::new(shuffled));
        Network::with(plan, &Weights::read(checkpoint)?, split.train.shape(), preparation)
    }

    fn with(
        plan: Plan,
        weights: &Weights,
        shape: Shape,
        preparation: Preparation,
    ) -> Result<Network, LookError> {
        let mut exec = Executor::new(Arc::new(plan), 0, single());
        weights::load(weights, &mut exec).map_err(|e| LookError::from(WeightsError::from(e)))?;
        Ok(Network { exec, shape, preparation })
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        self.exec.plan()
    }

    /// The params.
    #[must_use]
    pub fn params(&self) -> &[f32] {
        self.exec.params()
    }

    /// An example's way through the network.
    #[must_use]
    pub fn trace(&self, example: &[f32]) -> Trace<'_> {
        Trace::new(self.exec.plan(), self.exec.params(), self.exec.state(), example)
    }

    /// What the classes are called, where the data say it.
    #[must_use]
    pub fn class_names(&self, lang: Lang) -> Vec<String> {
        let Preparation::Row(_, split) = &self.preparation else { return Vec::new() };
        let own = split.train.class_names();
        if !own.is_empty() {
            return own.to_vec();
        }
        let name = split.train.name().split('/').next().unwrap_or_default();
        let known = registry::set(name).map(|set| set.class_names(lang)).unwrap_or_default();
        known.iter().map(|s| (*s).to_string()).collect()
    }

    /// A picture from a file, brought to the network's size.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn picture(&self, file: &Path) -> Result<Shown, LookError> {
        let wrong = |problem| LookError::Data(DataError::Image { file: file.to_owned(), problem });
        let image = image::read(file).map_err(LookError::Data)?;
        let side = *self.shape.dims().last().unwrap_or(&1);
        match &self.preparation {
            Preparation::Published(model) => {
                // As `kobai predict`: 256 to 224 in proportion.
                let picture = image.resize_shorter(side * 256 / 224).map_err(wrong)?.center_crop(side);
                let [mean, std] = weights::published::normalisation(model.name);
                let example = picture.normalized(mean, std);
                Ok(Shown { picture, example, class: None })
            }
            Preparation::Row(feed, split) => {
                let picture = image.resize_shorter(side).map_err(wrong)?.center_crop(side);
                let set = as_data(&picture, &split.train).map_err(LookError::Data)?;
                Ok(Shown { example: prepared(feed, &split.train, &set, 0)?, picture, class: None })
            }
        }
    }

    /// A test example of the data that a row was trained on.
    ///
    /// # Errors
    /// If there is none of this number.
    pub fn example(&self, index: usize) -> Result<Shown, LookError> {
        let none = |known| LookError::Unknown { what: "example", name: index.to_string(), known };
        let Preparation::Row(feed, split) = &self.preparation else { return Err(none(Vec::new())) };
        if index >= split.test.len() {
            return Err(none(vec![format!("0–{}", split.test.len() - 1)]));
        }
        let class = match split.test.targets() {
            Targets::Classes(classes) => classes.get(index).copied(),
            Targets::Values { .. } => None,
        };
        Ok(Shown {
            picture: as_picture(&split.test, index),
            example: prepared(feed, &split.train, &split.test, index)?,
            class,
        })
    }

    /// The first convolution: its filters look at the picture itself.
    #[must_use]
    pub fn first_convolution(&self) -> Option<&NodePlan> {
        self.plan().nodes.iter().find(|n| n.kind() == "conv2d")
    }

    /// The last node that still knows where things are.
    #[must_use]
    pub fn last_image(&self) -> Option<&NodePlan> {
        let is_image = |n: &&NodePlan| {
            self.plan().eval.runs(n.index)
                && matches!(n.plan.output.dims(), [_, h, w] if h * w > 1)
                && n.layer.is_some()
        };
        self.plan().nodes.iter().rfind(is_image)
    }

    /// A node by its name among those that `is` accepts.
    ///
    /// # Errors
    /// If there is none, with the names that there are.
    pub fn node(&self, name: &str, is: impl Fn(&NodePlan) -> bool) -> Result<&NodePlan, LookError> {
        let mut nodes = self.plan().nodes.iter().filter(|n| is(n));
        nodes.clone().find(|n| n.name == name).ok_or_else(|| LookError::Unknown {
            what: "layer",
            name: name.into(),
            known: nodes.by_ref().map(|n| n.name.clone()).collect(),
        })
    }
}

/// Writes a picture as a PNG file, with the folders on its way.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, picture: &Image) -> Result<(), LookError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|source| LookError::Write(StoreError { path: folder.to_owned(), source }))?;
    }
    write_whole(path, &picture.png()).map_err(LookError::Write)
}

/// An example as its network gets it.
fn prepared(feed: &Feed, train: &Dataset, set: &Dataset, index: usize) -> Result<Vec<f32>, LookError> {
    let mut example = vec![0.0; set.shape().len()];
    match feed.loader(train).map_err(LookError::Data)? {
        Some(loader) => loader.eval_batch(set, &[index as u32], &Pool::serial(), &mut example),
        None => set.gather(&[index as u32], &mut example),
    }
    Ok(example)
}

/// A picture as a data set of one example like those of another.
fn as_data(picture: &Image, like: &Dataset) -> Result<Dataset, DataError> {
    let channels = like.shape().dims().first().copied().unwrap_or(1);
    let values: Vec<u8> = match channels {
        1 => {
            let grey = |p: &[u8]| (p.iter().map(|v| u32::from(*v)).sum::<u32>() / 3) as u8;
            picture.pixels.chunks_exact(3).map(grey).collect()
        }
        _ => picture.pixels.clone(),
    };
    let inputs = match like.inputs() {
        Inputs::U8 { divisor, .. } => {
            let scaled = |v: &u8| (u32::from(*v) * u32::from(*divisor) / 255) as u8;
            Inputs::U8 { data: values.iter().map(scaled).collect(), divisor: *divisor }
        }
        Inputs::F32(_) => Inputs::F32(values.iter().map(|v| f32::from(*v) / 255.0).collect()),
    };
    Dataset::new(
        "picture",
        like.shape(),
        like.classes(),
        inputs,
        match like.target_width() {
            None => Targets::Classes(vec![0]),
            Some(width) => Targets::Values { width, data: vec![0.0; width] },
        },
    )
}

/// An example as a picture.
fn as_picture(set: &Dataset, index: usize) -> Image {
    let (channels, height, width) = match *set.shape().dims() {
        [c, h, w] => (c, h, w),
        _ => (1, 1, set.shape().len()),
    };
    let mut values = vec![0.0; set.shape().len()];
    set.gather(&[index as u32], &mut values);
    let byte = |x: f32| (x.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    let pixel = |p: &[f32]| match p {
        [r, g, b] => [byte(*r), byte(*g), byte(*b)],
        _ => [byte(p[0]); 3],
    };
    Image { height, width, pixels: values.chunks_exact(channels).flat_map(pixel).collect() }
}
