//! The words of what is wrong with pictures.

use kobai_engine::{Explanation, Lang, say};

use super::ImageProblem;

/// What is wrong with a picture; `file` if it came from one.
pub(super) fn image(lang: Lang, file: Option<&str>, problem: &ImageProblem) -> Explanation {
    let file = file.unwrap_or(lang.pick("picture", "画像"));
    match problem {
        ImageProblem::Format { got } => {
            let text = Explanation::new(say!(
                lang,
                "{file}: neither a JPEG nor a PNG file",
                "{file}: JPEG でも PNG でもありません"
            ));
            let text = match got {
                Some(got) => text.fact(say!(lang, "it looks like: {got}", "種類: {got} のようです")),
                None => text,
            };
            text.hint(say!(lang, "convert it to JPEG or PNG first", "先に JPEG か PNG に変換してください"))
        }
        ImageProblem::Damaged { reason } => Explanation::new(say!(
            lang,
            "{file}: damaged, or of a kind that cannot be decoded",
            "{file}: 壊れているか、対応していない形式です"
        ))
        .fact(say!(lang, "reason: {reason}", "理由: {reason}"))
        .hint(say!(
            lang,
            "open it in a picture viewer; if it shows, save it anew as JPEG or PNG",
            "画像ビューアーで開いてみてください。表示できるなら、JPEG か PNG で保存し直してください"
        )),
        ImageProblem::TooLarge { height, width, limit } => {
            Explanation::new(say!(lang, "{file}: too many pixels", "{file}: 画素数が多すぎます"))
                .fact(say!(lang, "got: {height}×{width}", "実際の値: {height}×{width}"))
                .fact(say!(lang, "limit: {limit} pixels", "上限: {limit} 画素"))
                .hint(say!(lang, "make the picture smaller first", "先に画像を小さくしてください"))
        }
    }
}
