//! The words of what is behind a [`DataError`](super::DataError).

use kobai_engine::{Explanation, Lang, say};

use super::{DatasetProblem, IdxProblem, MirrorReason};

/// Expected and got.
pub(super) fn differs(lang: Lang, what: String, expected: String, got: String) -> Explanation {
    Explanation::new(what).fact(say!(lang, "expected: {expected}", "正しい値: {expected}")).fact(say!(
        lang,
        "got: {got}",
        "実際の値: {got}"
    ))
}

fn extents(extents: &[u32]) -> String {
    extents.iter().map(u32::to_string).collect::<Vec<_>>().join("×")
}

/// What is wrong with an IDX file.
pub(super) fn idx(lang: Lang, file: &str, problem: &IdxProblem) -> Explanation {
    let replace = say!(
        lang,
        "the file is damaged: remove it and run `kobai data get` for this set",
        "ファイルが壊れています。消してから、このデータセットの `kobai data get` を実行してください"
    );
    match problem {
        IdxProblem::Magic { expected, got } => differs(
            lang,
            say!(
                lang,
                "{file}: not an IDX file of this kind",
                "{file}: この種類の IDX ファイルではありません"
            ),
            format!("0x{expected:08x}"),
            format!("0x{got:08x}"),
        ),
        IdxProblem::Header { expected, got } => differs(
            lang,
            say!(lang, "{file}: ends within its header", "{file}: ヘッダーの途中で終わっています"),
            format!("{expected} B"),
            format!("{got} B"),
        )
        .hint(replace),
        IdxProblem::Truncated { expected, got } => differs(
            lang,
            say!(lang, "{file}: ends too early", "{file}: 途中で終わっています"),
            format!("{expected} B"),
            format!("{got} B"),
        )
        .hint(replace),
        IdxProblem::TrailingBytes { expected } => Explanation::new(say!(
            lang,
            "{file}: goes on after the last value",
            "{file}: 最後の値の後に余分なデータがあります"
        ))
        .fact(say!(lang, "expected: {expected} B after the header", "正しい値: ヘッダーの後に {expected} B"))
        .hint(replace),
        IdxProblem::Empty { extents: e } => {
            let e = extents(e);
            Explanation::new(say!(lang, "{file}: holds nothing", "{file}: 中身がありません")).fact(say!(
                lang,
                "extents: {e}",
                "寸法: {e}"
            ))
        }
        IdxProblem::TooLarge { extents: e, limit } => {
            let text = Explanation::new(say!(lang, "{file}: too large", "{file}: 大きすぎます"));
            let text = match e.is_empty() {
                true => text,
                false => {
                    let e = extents(e);
                    text.fact(say!(lang, "extents: {e}", "寸法: {e}"))
                }
            };
            text.fact(say!(lang, "limit: {limit} B", "上限: {limit} B"))
        }
        IdxProblem::Label { index, label, classes } => Explanation::new(say!(
            lang,
            "{file}: label {index} is no class",
            "{file}: {index} 番のラベルがクラスの範囲外です"
        ))
        .fact(say!(lang, "expected: below {classes}", "正しい値: {classes} 未満"))
        .fact(say!(lang, "got: {label}", "実際の値: {label}")),
        IdxProblem::Count { expected, got } => differs(
            lang,
            say!(lang, "{file}: wrong number of examples", "{file}: 例の数が違います"),
            expected.to_string(),
            got.to_string(),
        )
        .hint(say!(
            lang,
            "to use files of your own, give their folder instead of the name of the set",
            "自分のファイルを使うには、データセット名の代わりにフォルダーを指定してください"
        )),
        IdxProblem::ImageSize { expected: [h, w], got: [gh, gw] } => differs(
            lang,
            say!(lang, "{file}: images of another size", "{file}: 画像の大きさが違います"),
            format!("{h}×{w}"),
            format!("{gh}×{gw}"),
        ),
        IdxProblem::Gzip { source } => Explanation::new(say!(
            lang,
            "{file}: the compressed file is damaged or cut short",
            "{file}: 圧縮ファイルが壊れているか、途中で切れています"
        ))
        .fact(say!(lang, "reason: {source}", "理由: {source}"))
        .hint(replace),
    }
}

/// What does not fit together in a data set, as a fact.
pub(super) fn dataset(lang: Lang, problem: &DatasetProblem) -> String {
    match problem {
        DatasetProblem::EmptyShape { shape } => {
            say!(lang, "an input of shape {shape} has no numbers", "形 {shape} の入力には数がありません")
        }
        DatasetProblem::PartOfAnInput { shape, numbers } => say!(
            lang,
            "{numbers} numbers are no whole number of inputs of shape {shape}",
            "{numbers} 個の数は、形 {shape} の入力で割り切れません"
        ),
        DatasetProblem::PartOfATarget { width, values } => say!(
            lang,
            "{values} values are no whole number of targets of {width}",
            "{values} 個の値は、一つ {width} 個の目標で割り切れません"
        ),
        DatasetProblem::NoValues => {
            say!(lang, "a target has no values", "目標に値がありません")
        }
        DatasetProblem::TooMany { examples } => {
            say!(lang, "{examples} examples are too many", "例が {examples} 個あり、多すぎます")
        }
        DatasetProblem::Counts { inputs, targets } => {
            say!(
                lang,
                "{inputs} inputs, but {targets} targets",
                "入力は {inputs} 個、目標は {targets} 個です"
            )
        }
        DatasetProblem::ClassOutOfRange { index, class, classes } => say!(
            lang,
            "target {index} is class {class}, expected below {classes}",
            "{index} 番の目標がクラス {class} です ({classes} 未満であるべきです)"
        ),
        DatasetProblem::ZeroDivisor => {
            say!(lang, "bytes cannot be divided by 0", "バイトを 0 で割ることはできません")
        }
    }
}

/// Why a mirror did not deliver, as the end of a line.
pub(super) fn mirror(lang: Lang, reason: &MirrorReason) -> String {
    match reason {
        MirrorReason::Status(code) => say!(lang, "HTTP status {code}", "HTTP ステータス {code}"),
        MirrorReason::Unreachable(source) => {
            say!(lang, "no connection ({source})", "接続できません ({source})")
        }
        MirrorReason::NoAnswer => say!(lang, "no answer in time", "時間内に応答がありません"),
        MirrorReason::Stalled { received } => {
            say!(lang, "stalled after {received} B", "{received} B で止まりました")
        }
        MirrorReason::TooSlow { rate, floor } => {
            say!(lang, "too slow: {rate} B/s, expected {floor}", "遅すぎます: {rate} B/s (下限 {floor})")
        }
        MirrorReason::Interrupted { received, source } => say!(
            lang,
            "connection broke after {received} B ({source})",
            "{received} B で接続が切れました ({source})"
        ),
        MirrorReason::Size { expected, got } => {
            say!(
                lang,
                "wrong size: {got} B, expected {expected}",
                "大きさが違います: {got} B (正しくは {expected})"
            )
        }
        MirrorReason::Checksum { expected, got } => say!(
            lang,
            "wrong content: SHA-256 {got}, expected {expected}",
            "中身が違います: SHA-256 {got} (正しくは {expected})"
        ),
    }
}
