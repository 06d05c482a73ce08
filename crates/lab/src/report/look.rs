//! Filters and Grad-CAM maps in the page, as PNG files inside it.

use super::figures::Figure;
use crate::results::Text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kobai_engine::{Lang, say};
use minijinja::HtmlEscape;

/// What the page shows of one trained network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// The network.
    pub label: Text,
    /// Its seed.
    pub seed: u64,
    /// The convolution whose filters are shown, and the bytes of a PNG file.
    pub filters: Option<(String, Vec<u8>)>,
    /// The node whose maps are shown.
    pub node: String,
    /// Test pictures with their maps.
    pub maps: Vec<Map>,
}

/// One test picture with its map.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// What the network says.
    pub said: String,
    /// What it is.
    pub truth: String,
    /// The bytes of a PNG file: picture, map, both.
    pub png: Vec<u8>,
}

fn image(png: &[u8], alternative: &str) -> String {
    let (data, alternative) = (STANDARD.encode(png), HtmlEscape(alternative));
    format!("<img alt=\"{alternative}\" src=\"data:image/png;base64,{data}\">")
}

/// The figures of one network.
pub(super) fn figures(look: &Look, lang: Lang) -> Vec<Figure> {
    let (label, seed) = (look.label.get(lang), look.seed);
    let mut all = Vec::new();
    if let Some((layer, png)) = &look.filters {
        all.push(Figure::new(
            say!(lang, "Filters: {label}", "フィルター: {label}"),
            say!(
                lang,
                "The weights of {layer} after training (seed {seed}), each filter scaled by its largest weight; grey is zero.",
                "学習後の {layer} の重み（シード {seed}）。フィルターごとに最大の重みで正規化。灰色が 0。"
            ),
            image(png, layer),
        ));
    }
    if !look.maps.is_empty() {
        let node = &look.node;
        let mut svg = String::new();
        for map in &look.maps {
            let (said, truth) = (&map.said, &map.truth);
            let words = if said == truth {
                say!(lang, "says {said}, rightly", "答え: {said}（正解）")
            } else {
                say!(lang, "says {said}; it is {truth}", "答え: {said}、正しくは {truth}")
            };
            svg += &format!("<p>{}<br>{}</p>", image(&map.png, &words), HtmlEscape(&words));
        }
        all.push(Figure::new(
            say!(lang, "Where it looks: {label}", "どこを見たか: {label}"),
            say!(
                lang,
                "Grad-CAM at {node} for the class that the network names: picture, map, both. Bright is evidence for the class (seed {seed}, the first test pictures).",
                "ネットワークが答えたクラスについての {node} での Grad-CAM。左から画像・地図・重ね合わせ。明るい所がそのクラスの根拠（シード {seed}、最初のテスト画像）。"
            ),
            svg,
        ));
    }
    all
}
