//! `kobai bench`.

use super::errors::{Failure, USAGE};
use super::{Terminal, chosen_isa, print};
use clap::ArgMatches;
use kobai_engine::optim::Optimizer;
use kobai_engine::text::nearest;
use kobai_engine::{Explain, Explanation, Graph, Lang, say, zoo};
use kobai_lab::bench::{self, Mode, Options, WORKLOADS, Workload};
use serde_json::json;

/// What is timed: a workload, or a network of the zoo with settings of its own.
enum Subject {
    Workload(&'static Workload),
    Network(&'static zoo::Model),
}

/// Rule for a network that is no workload.
const RULE: Optimizer = Optimizer::Momentum { lr: 1e-3, momentum: 0.9 };

/// Passes below this share of a step stand in one line.
const LEAST_SHARE: f64 = 0.005;

impl Subject {
    fn find(name: &str, lang: Lang) -> Result<Subject, Failure> {
        if let Some(workload) = bench::find(name) {
            return Ok(Subject::Workload(workload));
        }
        if let Ok(model) = zoo::find(name) {
            return Ok(Subject::Network(model));
        }
        let known = WORKLOADS.iter().map(|w| w.id).collect::<Vec<_>>();
        let e = Explanation::new(say!(
            lang,
            "there is no workload or network `{name}`",
            "負荷またはネットワーク `{name}` はありません"
        ));
        let list = known.join(", ");
        let e = e.fact(say!(
            lang,
            "known: {list}, and the networks of `kobai zoo list`",
            "使える値: {list} と `kobai zoo list` のネットワーク"
        ));
        let names = known.into_iter().chain(zoo::MODELS.iter().map(|m| m.name));
        let e = match nearest(name, names) {
            Some(near) => e.hint(say!(lang, "did you mean `{near}`?", "`{near}` のことですか？")),
            None => e,
        };
        Err(Failure::new(USAGE, e))
    }

    fn id(&self) -> &'static str {
        match self {
            Subject::Workload(w) => w.id,
            Subject::Network(m) => m.name,
        }
    }

    fn what(&self, lang: Lang) -> &'static str {
        match self {
            Subject::Workload(w) => w.what(lang),
            Subject::Network(m) => m.paper,
        }
    }

    fn graph(&self) -> Graph {
        match self {
            Subject::Workload(w) => w.graph(),
            Subject::Network(m) => m.graph(&m.settings()),
        }
    }

    fn optimizer(&self) -> Optimizer {
        match self {
            Subject::Workload(w) => w.optimizer,
            Subject::Network(_) => RULE,
        }
    }

    fn batch_and_steps(&self) -> (usize, usize) {
        match self {
            Subject::Workload(w) => (w.batch, w.steps),
            Subject::Network(m) if m.input[1] < 100 => (100, 20),
            Subject::Network(_) => (8, 4),
        }
    }
}

pub(super) fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let text = |key| matches.get_one::<String>(key).map(String::as_str);
    let number = |key, default| matches.get_one::<u64>(key).map_or(default, |n| *n as usize);
    let layers = text("layers");
    let subject = Subject::find(layers.or(text("workload")).unwrap_or_default(), lang)?;
    let (batch, steps) = subject.batch_and_steps();
    let options = Options {
        mode: if text("mode") == Some("infer") { Mode::Infer } else { Mode::Train },
        batch: number("batch", batch),
        threads: number("threads", 1),
        steps: number("steps", if layers.is_some() { steps.min(20) } else { steps }),
        isa: chosen_isa(matches, lang)?,
    };
    let json = matches.get_flag("json");
    if let (Some(count), Subject::Workload(workload)) = (matches.get_one::<u64>("losses"), &subject) {
        return losses(workload, *count as usize, options, json);
    }
    let unfit = |e: kobai_engine::PlanErrors| Failure::new(USAGE, e.explain(lang));
    if layers.is_some() {
        let profile = bench::profile(&subject.graph(), subject.optimizer(), options).map_err(unfit)?;
        return print(&if json {
            format!(
                "{}\n",
                json!({
                    "schema": "kobai.bench-layers/1", "model": subject.id(),
                    "precision": options.isa.precision().name(), "profile": profile,
                })
            )
        } else {
            profile.table(lang, LEAST_SHARE)
        });
    }
    let timing =
        bench::measure(subject.id(), &subject.graph(), subject.optimizer(), options).map_err(unfit)?;
    if json {
        let line = serde_json::to_string(&timing).unwrap_or_default();
        return print(&format!("{line}\n"));
    }
    let (id, what, batch) = (subject.id(), subject.what(lang), timing.batch);
    let (samples, threads, isa) = (timing.samples_per_s, timing.threads, &timing.isa);
    let rate = |r: f64| if r < 100.0 { format!("{r:.2}") } else { format!("{r:.0}") };
    let (steps, samples) = (rate(timing.steps_per_s), rate(samples));
    let percent = timing.of_peak * 100.0;
    let memory = timing.peak_rss_mb.map_or(String::new(), |m| say!(lang, ", {m:.0} MB", "、{m:.0} MB"));
    let mode = match timing.mode {
        Mode::Train => lang.pick("training", "学習"),
        Mode::Infer => lang.pick("inference", "推論"),
    };
    print(&say!(
        lang,
        "{id}  {what}; {mode}, batch {batch}\n{steps} steps/s, {samples} examples/s on {threads} thread(s), {isa}{memory}\n{percent:.0} % of the multiply-add peak measured in this run\n",
        "{id}  {what}。{mode}、バッチ {batch}\n{steps} ステップ/秒、{samples} 例/秒（{threads} スレッド、{isa}{memory}）\nこの実行で測った積和演算のピークの {percent:.0} %\n"
    ))
}

/// Learning rate of the comparison of losses: large enough that wrong gradients
/// show in the next loss, small enough to stay finite in every workload.
const CHECK_RATE: f64 = 0.01;

fn losses(workload: &Workload, count: usize, options: Options, json: bool) -> Result<u8, Failure> {
    let losses = bench::losses(workload, CHECK_RATE, count, options);
    if json {
        let batch = options.batch;
        let precision = options.isa.precision().name();
        let line = json!({
            "workload": workload.id, "batch": batch, "lr": CHECK_RATE, "precision": precision, "losses": losses,
        });
        return print(&format!("{line}\n"));
    }
    print(&losses.iter().map(|l| format!("{l}\n")).collect::<String>())
}
