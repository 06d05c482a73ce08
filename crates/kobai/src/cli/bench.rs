//! `kobai bench`.

use super::errors::{Failure, USAGE};
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_engine::text::nearest;
use kobai_engine::{Explanation, say};
use kobai_kernels::Isa;
use kobai_lab::bench::{self, WORKLOADS};

pub(super) fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let name = matches.get_one::<String>("workload").map(String::as_str).unwrap_or_default();
    let Some(workload) = WORKLOADS.iter().find(|w| w.id.eq_ignore_ascii_case(name)) else {
        let known = WORKLOADS.iter().map(|w| w.id).collect::<Vec<_>>();
        let e = Explanation::new(say!(lang, "there is no workload `{name}`", "負荷 `{name}` はありません"));
        let list = known.join(", ");
        let e = e.fact(say!(lang, "known: {list}", "使える値: {list}"));
        let e = match nearest(name, known) {
            Some(near) => e.hint(say!(lang, "did you mean `{near}`?", "`{near}` のことですか？")),
            None => e,
        };
        return Err(Failure::new(USAGE, e));
    };
    let number = |key, default| matches.get_one::<u64>(key).map_or(default, |n| *n as usize);
    let isa = matches.get_one::<String>("isa").and_then(|n| Isa::named(n)).unwrap_or_else(Isa::best);
    let timing = bench::train(workload, number("threads", 1), number("steps", 2000), isa);
    if matches.get_flag("json") {
        let line = serde_json::to_string(&timing).unwrap_or_default();
        return print(&format!("{line}\n"));
    }
    let (id, what) = (workload.id, workload.what);
    let (steps, samples, threads) = (timing.steps_per_s, timing.samples_per_s, timing.threads);
    let percent = timing.of_peak * 100.0;
    let memory = timing.peak_rss_mb.map_or(String::new(), |m| say!(lang, ", {m:.0} MB", "、{m:.0} MB"));
    print(&say!(
        lang,
        "{id}  {what}\n{steps:.0} steps/s, {samples:.0} examples/s on {threads} thread(s), {isa}{memory}\n{percent:.0} % of the multiply-add peak measured in this run\n",
        "{id}  {what}\n{steps:.0} ステップ/秒、{samples:.0} 例/秒（{threads} スレッド、{isa}{memory}）\nこの実行で測った積和演算のピークの {percent:.0} %\n"
    ))
}
