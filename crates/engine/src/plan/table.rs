//! The plan as a table: the product's `summary`.

use super::Plan;
use crate::layer::Layer;
use crate::say;
use crate::text::Lang;
use std::fmt::Write;

impl Plan {
    /// The plan in words and numbers, one line per layer.
    #[must_use]
    pub fn table(&self, lang: Lang) -> String {
        let head = lang.pick(
            ["#", "name", "layer", "output", "params", "MACs", "algorithm", "memory"],
            ["#", "名前", "層", "出力", "パラメータ", "積和", "算法", "メモリ"],
        );
        let mut rows: Vec<[String; 8]> = vec![head.map(String::from)];
        for node in &self.nodes {
            let layer = node.layer.as_ref();
            rows.push([
                node.index.to_string(),
                node.name.clone(),
                layer.map_or("-", Layer::kind).to_string(),
                format!("{}×{}", self.options.batch, node.plan.output),
                count(node.plan.param_len() as u64),
                count(node.plan.macs),
                if node.plan.algorithm.is_empty() { "-".into() } else { node.plan.algorithm.into() },
                self.place(node.index),
            ]);
        }
        let mut text = String::new();
        let widths: Vec<usize> =
            (0..8).map(|c| rows.iter().map(|r| width(&r[c])).max().unwrap_or(0)).collect();
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
        text
    }

    /// Size and offset of a node's value.
    fn place(&self, node: usize) -> String {
        let program = &self.train;
        match program.slots.iter().find(|s| s.node == node && s.role == super::Role::Value) {
            Some(slot) => {
                format!("{} @{}", size(slot.extent.len(self.options.batch) * 4), size(slot.offset * 4))
            }
            None => "in place".into(),
        }
    }
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
