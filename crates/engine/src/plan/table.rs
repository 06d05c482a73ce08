//! The plan as a table: the product's `summary`.

use super::{Field, NodePlan, Plan};
use crate::layer::Layer;
use crate::say;
use crate::text::Lang;
use std::fmt::Write;

impl Plan {
    /// The plan in words and numbers, one line per layer.
    #[must_use]
    pub fn table(&self, lang: Lang) -> String {
        let images = self.input_shape().rank() == 3;
        let fields = self.receptive_fields();
        let mut head = lang
            .pick(
                ["#", "name", "layer", "output", "params", "MACs", "field", "algorithm", "memory"],
                ["#", "名前", "層", "出力", "パラメータ", "積和", "受容野", "算法", "メモリ"],
            )
            .map(String::from)
            .to_vec();
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (node, field) in self.nodes.iter().zip(fields) {
            rows.push(vec![
                node.index.to_string(),
                node.name.clone(),
                kind(node),
                format!("{}×{}", self.options.batch, node.plan.output),
                count(node.plan.param_len() as u64),
                count(node.plan.macs),
                sees(field, lang),
                self.algorithm(node, lang),
                self.place(node.index, lang),
            ]);
        }
        if !images {
            // Every value of a network on features sees all of them.
            head.remove(FIELD);
            rows.iter_mut().for_each(|row| drop(row.remove(FIELD)));
        }
        rows.insert(0, head);
        let mut text = String::new();
        let widths: Vec<usize> =
            (0..rows[0].len()).map(|c| rows.iter().map(|r| width(&r[c])).max().unwrap_or(0)).collect();
        for row in &rows {
            let mut line = String::new();
            for (c, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths[c] - width(cell));
                let right = matches!(c, 0 | 4 | 5);
                let _ = if right { write!(line, "{pad}{cell}  ") } else { write!(line, "{cell}{pad}  ") };
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let (params, macs) = (count(self.param_len() as u64), count(self.macs()));
        let bytes = |elements: usize| size(elements * 4);
        let (train, unshared) = (bytes(self.train.arena), bytes(self.train.unshared));
        let (eval, isa) = (bytes(self.eval.arena), self.options.isa);
        let _ = writeln!(
            text,
            "{}",
            say!(
                lang,
                "total: {params} params, {macs} MACs per example; memory {train} for training (without sharing {unshared}), {eval} for evaluation; {isa}",
                "合計: パラメータ {params}、1 例あたりの積和 {macs}、メモリ 学習 {train}（共有なし {unshared}）評価 {eval}、{isa}"
            )
        );
        if images {
            text += lang.pick(
                "field: the pixels of the input that a value sees, and after the stroke the pixels from one value to the next\n",
                "受容野: 1 つの値が見る入力の画素数。斜線の後は隣の値までの画素数\n",
            );
        }
        if !self.auxiliaries.is_empty() {
            let heads: Vec<String> = self
                .auxiliaries
                .iter()
                .map(|(n, weight)| format!("{} ×{weight}", self.nodes[*n].name))
                .collect();
            let heads = heads.join(", ");
            let _ = writeln!(
                text,
                "{}",
                say!(
                    lang,
                    "auxiliary outputs, with the weights of their losses: {heads}; only training runs them",
                    "補助出力と損失の重み: {heads}（学習時のみ実行）"
                )
            );
        }
        text
    }

    /// How a node is computed; for one that is computed within another, in which.
    fn algorithm(&self, node: &NodePlan, lang: Lang) -> String {
        match self.fused_into(node.index) {
            Some(host) => {
                let host = &self.nodes[host].name;
                // A number alone would say nothing: `downsample.1`, not `1`.
                let from = host.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
                let from = from.rfind('.').map_or(0, |dot| dot + 1);
                let host = &host[from..];
                say!(lang, "in {host}", "{host} の中")
            }
            None if node.plan.algorithm.is_empty() => "-".into(),
            None => node.plan.algorithm.into(),
        }
    }

    /// Size and offset of a node's value.
    fn place(&self, node: usize, lang: Lang) -> String {
        let program = &self.train;
        match program.slots.iter().find(|s| s.node == node && s.role == super::Role::Value) {
            Some(slot) => {
                format!("{} @{}", size(slot.extent.len(self.options.batch) * 4), size(slot.offset * 4))
            }
            None if program.runs(node) => lang.pick("in place", "上書き").into(),
            None => lang.pick("not run", "実行しない").into(),
        }
    }
}

/// Column of the receptive field.
const FIELD: usize = 6;

/// The layer's kind, with its window if it has one: `conv2d 7×7/2`.
fn kind(node: &NodePlan) -> String {
    let Some(layer) = &node.layer else { return "-".into() };
    let mut text = layer.kind().to_string();
    if let Some(window) = layer.window() {
        let [h, w] = window.kernel;
        let _ = write!(text, " {h}×{w}");
        if window.stride != [1; 2] {
            let _ = write!(text, "/{}", square(window.stride));
        }
    }
    text
}

/// `11/4`: a window of 11 pixels, every 4 pixels.
fn sees(field: Field, lang: Lang) -> String {
    match field {
        Field::Whole => lang.pick("all", "全体").into(),
        Field::Window { size, jump } => format!("{}/{}", square(size), square(jump)),
    }
}

/// One number for a square, `3×5` otherwise.
fn square([h, w]: [usize; 2]) -> String {
    if h == w { h.to_string() } else { format!("{h}×{w}") }
}

/// 1,234,567
fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(d);
    }
    text
}

/// 16.4 KB
fn size(bytes: usize) -> String {
    let bytes = bytes as f64;
    match bytes {
        b if b < 1e3 => format!("{b:.0} B"),
        b if b < 1e6 => format!("{:.1} KB", b / 1e3),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.2} GB", b / 1e9),
    }
}

/// Terminal columns: East-Asian characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c as u32 >= 0x1100 && !matches!(c, '×'..='×') { 2 } else { 1 }).sum()
}
