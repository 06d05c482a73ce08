//! What is to be run.

use kobai_data::Locations;
use kobai_engine::Lang;
use kobai_kernels::Isa;
use std::path::PathBuf;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name of an experiment, or path of a file.
    pub experiment: String,
    /// The rows that run; all if empty. Claims about others are left out.
    pub rows: Vec<String>,
    /// Data set or folder instead of the experiment's.
    pub data: Option<String>,
    /// Where data are found.
    pub locations: Locations,
    /// Number of seeds instead of the experiment's.
    pub seeds: Option<u32>,
    /// First seed.
    pub first_seed: u64,
    /// Steps instead of the experiment's.
    pub steps: Option<u64>,
    /// Threads; all cores by default.
    pub threads: Option<usize>,
    /// Instruction set.
    pub isa: Isa,
    /// Run folder; `runs/<experiment>-<data>` by default.
    pub out: Option<PathBuf>,
    /// Where runs of all experiments are kept by identity, if anywhere.
    pub cache: Option<PathBuf>,
    /// The published variant.
    pub as_published: bool,
    /// Dotted keys and values.
    pub set: Vec<(String, String)>,
    /// Whether observers record.
    pub observe: bool,
    /// Whether the doctor watches, and the share of a run's time that it may take.
    pub doctor: Option<f64>,
    /// Whether records of earlier runs are ignored.
    pub fresh: bool,
    /// Language of the report.
    pub lang: Lang,
}

impl Request {
    /// An experiment as it is: its own data, seeds and steps, all cores, the
    /// default run folder.
    #[must_use]
    pub fn new(experiment: impl Into<String>) -> Self {
        Request {
            experiment: experiment.into(),
            rows: Vec::new(),
            data: None,
            locations: Locations::none(),
            seeds: None,
            first_seed: 0,
            steps: None,
            threads: None,
            isa: Isa::best(),
            out: None,
            cache: None,
            as_published: false,
            set: Vec::new(),
            observe: true,
            doctor: None,
            fresh: false,
            lang: Lang::En,
        }
    }
}
