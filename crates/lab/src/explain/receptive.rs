//! Receptive fields, layer by layer.

use super::{Lesson, head};
use kobai_engine::plan::Field;
use kobai_engine::zoo::{Model, Settings};
use kobai_engine::{Lang, Plan, PlanErrors, PlanOptions, say};
use serde_json::json;

/// Columns of a bar that stands for the whole image.
const BAR: usize = 24;

/// How much of the picture a value of each layer of a network sees, and why.
///
/// # Errors
/// If the network cannot be planned for this input.
pub fn receptive_field(model: &Model, settings: &Settings, lang: Lang) -> Result<Lesson, PlanErrors> {
    let plan = Plan::new(&model.graph(settings), &PlanOptions::batch(2))?;
    let fields = plan.receptive_fields();
    let (name, input) = (model.name, settings.input);
    let side = input.dims()[1].max(1);
    let (mut lines, mut layers) = (Vec::new(), Vec::new());
    let (mut whole, mut last) = (None, None);
    let evaluated = |i: usize| plan.nodes[i].layer.is_none() || plan.eval.runs(i);
    for node in plan.nodes.iter().filter(|n| evaluated(n.index)) {
        let Field::Window { size, jump } = fields[node.index] else { continue };
        if node.layer.is_some() && node.plan.output.rank() == 3 {
            last = Some((node.name.clone(), size));
        }
        let Some(window) = node.layer.as_ref().and_then(|l| l.window()) else { continue };
        // What the layer reads: of several branches the largest field.
        let before = node.inputs.iter().find_map(|i| match fields[*i] {
            Field::Window { size, jump } => Some((size, jump)),
            Field::Whole => None,
        });
        let Some(([was, _], [apart, _])) = before else { continue };
        let ([k, _], [s, _], [d, _]) = (window.kernel, window.stride, window.dilation);
        let reach = d * (k - 1) + 1;
        let filled = (size[0] * BAR).div_ceil(side).min(BAR);
        let bar = format!("{}{}", "█".repeat(filled), "·".repeat(BAR - filled));
        let sum = format!("{was} + {}·{apart} = {}", reach - 1, size[0]);
        let kernel = if d > 1 { format!("{k} → {reach}") } else { k.to_string() };
        lines.push([node.name.clone(), kernel, s.to_string(), sum, jump[0].to_string(), bar]);
        layers.push(json!({
            "name": node.name, "kernel": window.kernel, "stride": window.stride, "dilation": window.dilation,
            "size": size, "jump": jump,
        }));
        if whole.is_none() && size[0] >= side && size[1] >= input.dims()[2] {
            whole = Some(node.name.clone());
        }
    }
    let titles = [
        say!(lang, "layer", "層"),
        say!(lang, "window", "窓"),
        say!(lang, "stride", "ストライド"),
        say!(lang, "field", "受容野"),
        say!(lang, "jump", "間隔"),
        say!(lang, "share of {side} px", "{side} px のうち"),
    ];
    let mut sections = vec![
        (
            say!(lang, "receptive field of {name}, input {input}", "{name} の受容野、入力 {input}"),
            vec![
                say!(
                    lang,
                    "field = field before + (window − 1) · jump before",
                    "受容野 = 前の受容野 + (窓 − 1)・前の間隔"
                ),
                say!(lang, "jump  = jump before · stride", "間隔 = 前の間隔・ストライド"),
                say!(
                    lang,
                    "jump: how far apart, in pixels of the picture, two neighbours of a layer look",
                    "間隔: 層の隣り合う 2 つの値が、元の画像で何画素離れた所を見るか"
                ),
                say!(
                    lang,
                    "padding counts, and of several branches the largest; heights are shown",
                    "パディングも数える。枝が複数なら最大のもの。高さ方向を示す"
                ),
            ],
        ),
        (say!(lang, "layers with a window", "窓をもつ層"), table(&titles, &lines)),
    ];
    let mut end = Vec::new();
    if let Some((layer, [h, w])) = &last {
        end.push(say!(
            lang,
            "a value of {layer}, the last that is still an image, sees {h}×{w} pixels",
            "まだ画像である最後の層 {layer} の値は {h}×{w} 画素を見る"
        ));
    }
    end.push(match &whole {
        Some(layer) => say!(
            lang,
            "from {layer} on, a field is as large as the picture",
            "{layer} から先の受容野は画像全体の大きさになる"
        ),
        None => say!(
            lang,
            "no layer with a window sees the whole picture; what comes behind it (pooling to one value, linear layers) does",
            "窓をもつ層で画像全体を見るものはない。全体を見るのは、その後のプーリングや全結合層である"
        ),
    });
    sections.push((say!(lang, "in short", "まとめ"), end));
    let mut document = head("receptive-field");
    document["model"] = json!(name);
    document["input"] = json!(input.dims());
    document["layers"] = json!(layers);
    document["last"] = json!(last.map(|(layer, size)| json!({ "name": layer, "size": size })));
    document["whole_from"] = json!(whole);
    Ok(Lesson { sections, document })
}

/// Columns of equal width; the first and the last to the left.
fn table(titles: &[String; 6], lines: &[[String; 6]]) -> Vec<String> {
    let all = || std::iter::once(titles).chain(lines);
    let width = |c: usize| all().map(|l| console_width(&l[c])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    all()
        .map(|cells| {
            let cell = |c: usize| {
                let pad = " ".repeat(widths[c] - console_width(&cells[c]));
                if matches!(c, 0 | 5) { format!("{}{pad}", cells[c]) } else { format!("{pad}{}", cells[c]) }
            };
            (0..6).map(cell).collect::<Vec<_>>().join("  ").trim_end().to_string()
        })
        .collect()
}

fn console_width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

#[cfg(test)]
mod tests {
    use super::receptive_field;
    use kobai_engine::{Lang, zoo};

    /// Fields that the literature states: ResNet-18 435, VGG-16 212 behind the
    /// last pooling, AlexNet 195 (Araujo et al. 2019, "Computing receptive
    /// fields of convolutional neural networks").
    #[test]
    fn published_fields() {
        for (name, expected) in [("resnet18", 435), ("vgg16", 212), ("alexnet", 195)] {
            let model = zoo::find(name).unwrap();
            let lesson = receptive_field(model, &model.settings(), Lang::En).unwrap();
            let size = &lesson.document["layers"].as_array().unwrap().last().unwrap()["size"];
            assert_eq!(size[0], expected, "{name}");
        }
    }

    #[test]
    fn the_lesson_in_words() {
        let model = zoo::find("resnet20").unwrap();
        let text = |lang| receptive_field(model, &model.settings(), lang).unwrap().text();
        insta::assert_snapshot!(format!("{}\n{}", text(Lang::En), text(Lang::Ja)));
    }
}
