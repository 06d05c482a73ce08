//! `kobai explain`.

use super::errors::{Failure, USAGE};
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_engine::{Explain, Explanation, Lang, PlanError, say, zoo};
use kobai_lab::explain::{
    Convolution, Kind, Lesson, LessonError, Pooling, convolution, pooling, receptive_field,
};

pub(super) fn run(matches: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let lang = terminal.lang;
    let (matches, lesson) = match matches.subcommand() {
        Some(("conv", m)) => (m, conv(m, lang)?),
        Some(("pool", m)) => (m, pool(m, lang)?),
        Some(("receptive-field", m)) => (m, receptive(m, lang)?),
        Some((kind, m)) => return super::look::run(kind, m, terminal),
        None => return Ok(0),
    };
    if matches.get_flag("json") {
        return print(&format!("{}\n", lesson.document));
    }
    print(&lesson.text())
}

fn conv(m: &ArgMatches, lang: Lang) -> Result<Lesson, Failure> {
    let (channels, input) = image(m, lang)?;
    let lesson = Convolution {
        input,
        channels: channels.unwrap_or(number(m, "channels", 1)),
        out_channels: number(m, "out-channels", 1),
        kernel: pair(m, "kernel", [3, 3], lang)?,
        stride: pair(m, "stride", [1, 1], lang)?,
        padding: pair(m, "padding", [0, 0], lang)?,
        dilation: pair(m, "dilation", [1, 1], lang)?,
        groups: number(m, "groups", 1),
    };
    convolution(&lesson, lang).map_err(|p| geometry("conv", "conv2d", p, lang))
}

fn pool(m: &ArgMatches, lang: Lang) -> Result<Lesson, Failure> {
    let (_, input) = image(m, lang)?;
    let kernel = pair(m, "kernel", [2, 2], lang)?;
    let max = m.get_one::<String>("kind").is_none_or(|k| k == "max");
    let lesson = Pooling {
        kind: if max { Kind::Max } else { Kind::Average { count_include_pad: !m.get_flag("exclude-pad") } },
        input,
        kernel,
        // As in PyTorch: windows side by side unless told otherwise.
        stride: pair(m, "stride", kernel, lang)?,
        padding: pair(m, "padding", [0, 0], lang)?,
        ceil_mode: m.get_flag("ceil-mode"),
    };
    let layer = if max { "max-pool2d" } else { "avg-pool2d" };
    pooling(&lesson, lang).map_err(|p| geometry("pool", layer, p, lang))
}

fn receptive(m: &ArgMatches, lang: Lang) -> Result<Lesson, Failure> {
    let name = m.get_one::<String>("name").map(String::as_str).unwrap_or_default();
    let model = zoo::find(name).map_err(|e| Failure::new(USAGE, e.explain(lang)))?;
    let mut settings = model.settings();
    if let Some(text) = m.get_one::<String>("input") {
        settings.input = super::zoo::shape(text).ok_or_else(|| super::zoo::not_a_shape(text, lang))?;
    }
    receptive_field(model, &settings, lang).map_err(|e| Failure::new(USAGE, e.explain(lang)))
}

/// A geometry that does not exist, in the words of a plan's mistake.
fn geometry(node: &str, layer: &'static str, problem: LessonError, lang: Lang) -> Failure {
    let error = PlanError { node: node.into(), layer, problem, from: Vec::new() };
    Failure::new(USAGE, error.explain(lang))
}

fn number(m: &ArgMatches, key: &str, default: usize) -> usize {
    m.get_one::<u64>(key).map_or(default, |n| *n as usize)
}

/// `6x6`, or `3x6x6` with channels.
fn image(m: &ArgMatches, lang: Lang) -> Result<(Option<usize>, [usize; 2]), Failure> {
    let text = m.get_one::<String>("input").map_or("6x6", String::as_str);
    match *extents(text, "input", lang)? {
        [n] => Ok((None, [n, n])),
        [h, w] => Ok((None, [h, w])),
        [c, h, w] => Ok((Some(c), [h, w])),
        _ => Err(malformed(text, "input", lang)),
    }
}

/// `2` for both axes, or `2x3`.
fn pair(m: &ArgMatches, key: &str, default: [usize; 2], lang: Lang) -> Result<[usize; 2], Failure> {
    let Some(text) = m.get_one::<String>(key) else { return Ok(default) };
    match *extents(text, key, lang)? {
        [n] => Ok([n, n]),
        [h, w] => Ok([h, w]),
        _ => Err(malformed(text, key, lang)),
    }
}

fn extents(text: &str, key: &str, lang: Lang) -> Result<Vec<usize>, Failure> {
    /// Larger images are no lesson, and their matrices would not fit into memory.
    const MOST: usize = 1024;
    let parts: Result<Vec<usize>, _> = text.split(['x', '×', 'X']).map(str::parse).collect();
    match parts {
        Ok(parts) if parts.iter().all(|n| *n <= MOST) => Ok(parts),
        _ => Err(malformed(text, key, lang)),
    }
}

fn malformed(text: &str, key: &str, lang: Lang) -> Failure {
    let e = Explanation::new(say!(
        lang,
        "`--{key} {text}` is not a size",
        "`--{key} {text}` は大きさとして読めません"
    ));
    let form = if key == "input" { "6x6, 3x32x32" } else { "2, 2x3" };
    Failure::new(
        USAGE,
        e.hint(say!(lang, "sizes look like: {form}; at most 1024", "例: {form}（1024 まで）")),
    )
}
