//! The words of what is wrong with pictures.

use kobai_engine::{Explanation, Lang, say};

use super::{FolderProblem, ImageProblem};

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
        ImageProblem::Size { expected: [h, w], got: [gh, gw] } => Explanation::new(say!(
            lang,
            "{file}: another size than the first picture",
            "{file}: 最初の画像と大きさが違います"
        ))
        .fact(say!(lang, "expected: {h}×{w}", "正しい値: {h}×{w}"))
        .fact(say!(lang, "got: {gh}×{gw}", "実際の値: {gh}×{gw}"))
        .hint(say!(
            lang,
            "bring all pictures to one size first, for example with ImageMagick: mogrify -resize 64x64^ -gravity center -extent 64x64",
            "先にすべての画像を同じ大きさにそろえてください。例えば ImageMagick で: mogrify -resize 64x64^ -gravity center -extent 64x64"
        )),
    }
}

/// Why pictures in folders do not make a data set.
pub(super) fn pictures(lang: Lang, folder: &str, problem: &FolderProblem) -> Explanation {
    let layout = say!(
        lang,
        "expected are train/CLASS/*.jpg and test/CLASS/*.jpg, or only CLASS/*.jpg; PNG works too",
        "train/クラス名/*.jpg と test/クラス名/*.jpg、または クラス名/*.jpg の形に置いてください。PNG も使えます"
    );
    match problem {
        FolderProblem::NoPictures => Explanation::new(say!(
            lang,
            "{folder}: neither pictures nor another data set in it",
            "{folder}: 画像もほかのデータセットも見つかりません"
        ))
        .hint(layout)
        .hint(say!(
            lang,
            "other possibilities: the four IDX files of MNIST's kind, or CIFAR-10's binary version",
            "ほかに、MNIST 形式の IDX ファイル四つ、または CIFAR-10 のバイナリー版も使えます"
        )),
        FolderProblem::NoClass { file } => Explanation::new(say!(
            lang,
            "{folder}: a picture lies in no folder that names its class",
            "{folder}: クラス名のフォルダーに入っていない画像があります"
        ))
        .fact(say!(lang, "picture: {file}", "画像: {file}"))
        .hint(layout),
        FolderProblem::OneClass { class } => Explanation::new(say!(
            lang,
            "{folder}: there must be at least two classes",
            "{folder}: クラスが二つ以上必要です"
        ))
        .fact(say!(lang, "only class: {class}", "ただ一つのクラス: {class}"))
        .hint(layout),
        FolderProblem::UnknownClass { class } => Explanation::new(say!(
            lang,
            "{folder}: a class has pictures to test on, but none to learn from",
            "{folder}: テスト画像だけがあり、訓練画像のないクラスがあります"
        ))
        .fact(say!(lang, "class: {class}", "クラス: {class}")),
        FolderProblem::NothingToTest => Explanation::new(say!(
            lang,
            "{folder}: too few pictures to set some aside for testing",
            "{folder}: テスト用に取り分けるには画像が足りません"
        ))
        .hint(say!(
            lang,
            "a class needs at least two pictures, better a hundred",
            "一つのクラスに二枚以上、できれば百枚ほど用意してください"
        )),
        FolderProblem::TooLarge { bytes, limit } => Explanation::new(say!(
            lang,
            "{folder}: too many pixels for the memory",
            "{folder}: 画素の合計がメモリーに載せるには多すぎます"
        ))
        .fact(say!(lang, "all pictures: {bytes} B", "全画像: {bytes} B"))
        .fact(say!(lang, "limit: {limit} B", "上限: {limit} B"))
        .hint(say!(
            lang,
            "make the pictures smaller, or take fewer",
            "画像を小さくするか、枚数を減らしてください"
        )),
    }
}
