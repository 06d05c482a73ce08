//! A pooling: which value a window keeps, and where its gradient goes.

use super::grid::{self, LARGEST};
use super::{Lesson, LessonError, head, plane, size_formula, size_line};
use kobai_engine::layers::{AvgPool2d, MaxPool2d};
use kobai_engine::{Alone, Lang, Shape, say};
use serde_json::json;

/// Which pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The largest value of a window.
    Max,
    /// The mean of a window.
    Average {
        /// Whether the zeros of the padding count.
        count_include_pad: bool,
    },
}

/// The pooling to be explained; both axes in the order height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the settings of `MaxPool2d` and `AvgPool2d`")]
pub struct Pooling {
    pub kind: Kind,
    pub input: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub ceil_mode: bool,
}

/// Explains a pooling on a shuffled input, so that the largest value is not
/// always in the same corner.
///
/// # Errors
/// Why the layer cannot be planned.
pub fn pooling(p: &Pooling, lang: Lang) -> Result<Lesson, LessonError> {
    let [height, width] = p.input;
    let shape = [Shape::new(&[1, height, width])];
    let Pooling { kernel, stride, padding, ceil_mode, .. } = *p;
    let mut alone = match p.kind {
        Kind::Max => Alone::<f64>::new(MaxPool2d { kernel, stride, padding, ceil_mode }, &shape, 1),
        Kind::Average { count_include_pad } => {
            Alone::new(AvgPool2d { kernel, stride, padding, ceil_mode, count_include_pad }, &shape, 1)
        }
    }?;
    let [_, out_h, out_w] = *alone.plan().output.dims() else { unreachable!("a pooling gives an image") };
    let x = shuffled(height * width);
    let y = alone.forward(&[&x]);
    let back = alone.backward(&vec![1.0; y.len()]).inputs.swap_remove(0);

    let (rows, values, gradient) =
        (plane(&x, 1, 0, width), plane(&y, 1, 0, out_w), plane(&back, 1, 0, width));
    let small = height.max(width) <= LARGEST;
    let too_large = || vec![say!(lang, "too large to draw", "大きいため図は省略")];

    let mut size = vec![size_formula(lang, ceil_mode, false)];
    for (axis, name) in [say!(lang, "height", "高さ"), say!(lang, "width ", "幅  ")].iter().enumerate() {
        size.push(size_line(
            name,
            p.input[axis],
            alone.plan().output.dims()[axis + 1],
            [kernel[axis], stride[axis], padding[axis], 1],
            ceil_mode,
        ));
    }
    if ceil_mode {
        size.push(say!(
            lang,
            "rounded up, and one less where the last window would begin in the padding",
            "切り上げ。ただし最後の窓がパディングの中から始まるなら 1 減らす"
        ));
    }
    let what = match p.kind {
        Kind::Max => say!(lang, "each output is the largest value of its window", "出力は窓の中の最大値"),
        Kind::Average { count_include_pad: true } => say!(
            lang,
            "each output is the sum of its window divided by the window's size, padding included",
            "出力は窓の和 ÷ 窓の大きさ（パディングも数える）"
        ),
        Kind::Average { count_include_pad: false } => say!(
            lang,
            "each output is the mean of the values of its window, padding left out",
            "出力は窓の中の値の平均（パディングは数えない）"
        ),
    };
    let drawn = if small {
        let input = block(&say!(lang, "input", "入力"), grid::matrix(&rows));
        let first = block(
            &say!(lang, "window of output (0, 0)", "出力 (0, 0) の窓"),
            grid::window(&rows, padding, padding, |y, x| y < kernel[0] && x < kernel[1]),
        );
        let output = block(&say!(lang, "output", "出力"), grid::matrix(&values));
        grid::beside(&[input, first, output])
    } else {
        too_large()
    };
    let backward = match p.kind {
        Kind::Max => say!(
            lang,
            "the gradient goes to the largest value alone (the first of equals); here each output sends 1",
            "勾配は最大値だけに流れる（同じ値なら最初）。ここでは各出力が 1 を送る"
        ),
        Kind::Average { .. } => say!(
            lang,
            "the gradient is shared equally by the window; here each output sends 1",
            "勾配は窓の中で等しく分けられる。ここでは各出力が 1 を送る"
        ),
    };
    let mut back_lines = vec![backward];
    back_lines.extend(if small { grid::matrix(&gradient) } else { too_large() });

    let mut document = head("pool");
    document["kind"] = json!(if p.kind == Kind::Max { "max" } else { "avg" });
    document["input"] = json!([height, width]);
    document["output"] = json!([out_h, out_w]);
    document["kernel"] = json!(kernel);
    document["stride"] = json!(stride);
    document["padding"] = json!(padding);
    document["ceil_mode"] = json!(ceil_mode);
    if small {
        document["sample"] = json!({ "input": rows, "output": values, "gradient": gradient });
    }
    let mut lines = vec![what];
    lines.extend(drawn);
    Ok(Lesson {
        sections: vec![
            (say!(lang, "Output size", "出力サイズ"), size),
            (say!(lang, "Windows", "窓"), lines),
            (say!(lang, "Going back", "逆伝播"), back_lines),
        ],
        document,
    })
}

fn block(title: &str, lines: Vec<String>) -> Vec<String> {
    std::iter::once(title.to_string()).chain(lines).collect()
}

/// The numbers 1 to `n` in a fixed mixed order: multiples of a number that has
/// no divisor in common with `n`.
fn shuffled(n: usize) -> Vec<f64> {
    let gcd = |mut a: usize, mut b: usize| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let step = (n * 5 / 8 + 1..).find(|s| gcd(*s, n) == 1).unwrap_or(1);
    (0..n).map(|i| (i * step % n + 1) as f64).collect()
}
