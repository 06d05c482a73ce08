//! The words of [`DataError`], in both languages.

use kobai_engine::{Explain, Explanation, Lang, say};

use super::pictures::{image, pictures};
use super::problems::{dataset, differs, idx, mirror};
use super::{Action, DataError};

impl Explain for DataError {
    fn explain(&self, lang: Lang) -> Explanation {
        match self {
            DataError::UnknownSet { name, nearest } => {
                let text =
                    Explanation::new(say!(lang, "unknown data set `{name}`", "データセット `{name}` はありません"));
                let text = match nearest {
                    Some(near) => text.hint(say!(lang, "did you mean `{near}`?", "`{near}` のことですか？")),
                    None => text,
                };
                text.hint(say!(
                    lang,
                    "`kobai data list` shows all names; a folder works too: four IDX files, or pictures in folders named after their classes",
                    "`kobai data list` で名前の一覧が見られます。フォルダー (四つの IDX ファイル、またはクラス名のフォルダーに分けた画像) も指定できます"
                ))
            }
            DataError::Missing { set, searched, unconfirmed } => {
                let mut text = Explanation::new(say!(
                    lang,
                    "data set `{set}` is not on this machine",
                    "データセット `{set}` が見つかりません"
                ));
                for folder in searched {
                    let folder = folder.display();
                    text = text.fact(say!(lang, "searched: {folder}", "探した場所: {folder}"));
                }
                for folder in unconfirmed {
                    let folder = folder.display();
                    text = text
                        .fact(say!(
                            lang,
                            "passed over: {folder} (files with these names, but not known to be `{set}`)",
                            "対象外: {folder} (同じ名前のファイルがありますが、`{set}` とは確認できません)"
                        ))
                        .hint(say!(
                            lang,
                            "to use those files anyway, give the folder instead of the name: {folder}",
                            "そのファイルを使うには、名前の代わりにフォルダーを指定してください: {folder}"
                        ));
                }
                text.hint(say!(
                    lang,
                    "`kobai data get {set}` downloads it; `digits` and the procedural sets need no download",
                    "`kobai data get {set}` でダウンロードできます。`digits` と生成データはダウンロード不要です"
                ))
            }
            DataError::Incomplete { folder, files } => {
                let folder = folder.display();
                let mut text = Explanation::new(say!(
                    lang,
                    "{folder} does not hold a data set",
                    "{folder} にデータセットがそろっていません"
                ));
                for file in files {
                    text = text.fact(say!(
                        lang,
                        "missing: {file} (or {file}.gz)",
                        "ないファイル: {file} (または {file}.gz)"
                    ));
                }
                text.hint(say!(
                    lang,
                    "a folder needs the four IDX files under the names that torchvision uses",
                    "フォルダーには、torchvision と同じ名前の IDX ファイルが四つ必要です"
                ))
            }
            DataError::Idx { file, problem } => idx(lang, &file.display().to_string(), problem),
            DataError::Image { file, problem } => image(lang, Some(&file.display().to_string()), problem),
            DataError::Archive { file, source } => {
                let file = file.display();
                Explanation::new(say!(
                    lang,
                    "{file}: no tar archive, or a damaged one",
                    "{file}: tar アーカイブではないか、壊れています"
                ))
                .fact(say!(lang, "reason: {source}", "理由: {source}"))
            }
            DataError::Pictures { folder, problem } => {
                pictures(lang, &folder.display().to_string(), problem)
            }
            DataError::CountMismatch { images, image_count, labels, label_count } => {
                let (images, labels) = (images.display(), labels.display());
                Explanation::new(say!(
                    lang,
                    "images and labels do not belong together",
                    "画像とラベルの数が合いません"
                ))
                .fact(say!(lang, "{images}: {image_count} images", "{images}: 画像 {image_count} 枚"))
                .fact(say!(lang, "{labels}: {label_count} labels", "{labels}: ラベル {label_count} 個"))
            }
            DataError::ImageSizes { folder, train: [h, w], test: [th, tw] } => {
                let folder = folder.display();
                Explanation::new(say!(
                    lang,
                    "{folder}: training and test images differ in size",
                    "{folder}: 訓練画像とテスト画像の大きさが違います"
                ))
                .fact(say!(lang, "training: {h}×{w}", "訓練: {h}×{w}"))
                .fact(say!(lang, "test: {th}×{tw}", "テスト: {th}×{tw}"))
            }
            DataError::Size { file, expected, got } => {
                let file = file.display();
                differs(
                    lang,
                    say!(lang, "{file}: wrong size", "{file}: 大きさが違います"),
                    format!("{expected} B"),
                    format!("{got} B"),
                )
            }
            DataError::Checksum { file, expected, got } => {
                let file = file.display();
                differs(
                    lang,
                    say!(lang, "{file}: wrong SHA-256", "{file}: SHA-256 が違います"),
                    (*expected).to_owned(),
                    got.clone(),
                )
            }
            DataError::Download { file, failures, folder } => {
                let folder = folder.display();
                let mut text = Explanation::new(say!(
                    lang,
                    "could not download {file}",
                    "{file} をダウンロードできませんでした"
                ));
                for failure in failures {
                    text = text.fact(format!("{}: {}", failure.url, mirror(lang, &failure.reason)));
                }
                text.hint(say!(
                    lang,
                    "run the command again: what has arrived is kept and continued",
                    "もう一度実行してください。届いた分は残っており、続きから再開します"
                ))
                .hint(say!(
                    lang,
                    "or put the file there by hand: {folder}",
                    "または、ファイルを自分で置いてください: {folder}"
                ))
            }
            DataError::OfflineFile { file, url, sha256, folder } => {
                let folder = folder.display();
                Explanation::new(say!(
                    lang,
                    "{file} is missing, and the network must not be used",
                    "{file} がありませんが、ネットワークを使わない指定です"
                ))
                .fact(say!(lang, "from {url}", "入手先 {url}"))
                .fact(say!(lang, "its SHA-256 begins with {sha256}", "SHA-256 の先頭は {sha256}"))
                .hint(say!(lang, "put it there: {folder}", "次の場所に置いてください: {folder}"))
                .hint(say!(
                    lang,
                    "or run once without `--offline`",
                    "または `--offline` を付けずに一度実行してください"
                ))
            }
            DataError::Offline { set, files, folder } => {
                let folder = folder.display();
                let mut text = Explanation::new(say!(
                    lang,
                    "data set `{set}` is missing, and the network must not be used",
                    "データセット `{set}` がありませんが、ネットワークを使わない指定です"
                ));
                for file in files {
                    let (name, size, sha) = (&file.name, file.size, &file.sha256);
                    text = text.fact(say!(
                        lang,
                        "missing: {name} ({size} B, SHA-256 {sha})",
                        "ないファイル: {name} ({size} B、SHA-256 {sha})"
                    ));
                    if let Some(url) = file.urls.first() {
                        text = text.fact(say!(lang, "  from {url}", "  入手先 {url}"));
                    }
                }
                text.hint(say!(
                    lang,
                    "put these files there: {folder}",
                    "これらのファイルを次の場所に置いてください: {folder}"
                ))
                .hint(say!(
                    lang,
                    "or run once without `--offline`",
                    "または `--offline` を付けずに一度実行してください"
                ))
            }
            DataError::Busy { lock } => {
                let lock = lock.display();
                Explanation::new(say!(
                    lang,
                    "another process is downloading into the same folder",
                    "別のプロセスが同じフォルダーにダウンロードしています"
                ))
                .fact(say!(lang, "locked: {lock}", "ロック: {lock}"))
                .hint(say!(
                    lang,
                    "wait until it has finished; the lock ends with the process that holds it",
                    "終わるまで待ってください。ロックは、そのプロセスが終われば自動的に外れます"
                ))
            }
            DataError::NoFolder => Explanation::new(say!(
                lang,
                "there is no folder for data: no home folder was found",
                "データを置くフォルダーがありません (ホームフォルダーが見つかりません)"
            ))
            .hint(say!(
                lang,
                "give one with `--data-dir` or KOBAI_DATA_DIR",
                "`--data-dir` か KOBAI_DATA_DIR で指定してください"
            )),
            DataError::Io { path, action, source } => {
                let path = path.display();
                let what = match action {
                    Action::Read => say!(lang, "cannot read {path}", "{path} を読めません"),
                    Action::Write => say!(lang, "cannot write {path}", "{path} に書き込めません"),
                    Action::MakeFolder => {
                        say!(lang, "cannot make the folder {path}", "フォルダー {path} を作れません")
                    }
                    Action::Rename => {
                        say!(lang, "cannot move the finished file to {path}", "できたファイルを {path} に移せません")
                    }
                    Action::Remove => say!(lang, "cannot remove {path}", "{path} を消せません"),
                    Action::Lock => say!(lang, "cannot lock {path}", "{path} をロックできません"),
                };
                Explanation::new(what).fact(say!(lang, "reason: {source}", "理由: {source}"))
            }
            DataError::Parameter { set, parameter, value, least, most } => Explanation::new(say!(
                lang,
                "data set `{set}`: `{parameter}` is out of range",
                "データセット `{set}`: `{parameter}` が範囲外です"
            ))
            .fact(say!(lang, "expected: {least} to {most}", "範囲: {least} から {most}"))
            .fact(say!(lang, "got: {value}", "指定: {value}")),
            DataError::TooFew { name, asked, available } => Explanation::new(say!(
                lang,
                "data set `{name}` has too few examples",
                "データセット `{name}` の例が足りません"
            ))
            .fact(say!(lang, "asked for: {asked}", "必要な数: {asked}"))
            .fact(say!(lang, "available: {available}", "ある数: {available}")),
            DataError::Batch { batch, available } => Explanation::new(say!(
                lang,
                "cannot draw a batch of {batch} from {available} examples",
                "{available} 個の例から大きさ {batch} のバッチは作れません"
            ))
            .hint(say!(
                lang,
                "shuffled batches need 1 to {available} examples each; draws with replacement may be larger",
                "シャッフルではバッチの大きさを 1 から {available} にしてください。復元抽出ならもっと大きくできます"
            )),
            DataError::NotPictures { name, shape } => Explanation::new(say!(
                lang,
                "data set `{name}` has no pictures to augment",
                "データセット `{name}` は画像ではないので、データ拡張できません"
            ))
            .fact(say!(lang, "expected: channels×height×width", "必要な形: チャネル×高さ×幅"))
            .fact(say!(lang, "got: {shape}", "実際の形: {shape}"))
            .hint(say!(lang, "leave the augmentation out", "データ拡張の指定を外してください")),
            DataError::Padding { padding, side } => Explanation::new(say!(
                lang,
                "a padding of {padding} is too much for pictures of {side} pixels",
                "一辺 {side} 画素の画像に、{padding} 画素の余白は大きすぎます"
            ))
            .hint(say!(
                lang,
                "usual is an eighth of the side: 4 for 32 pixels",
                "普通は一辺の八分の一ほどです。32 画素なら 4 にします"
            )),
            DataError::Inconsistent { name, problem } => {
                let what = dataset(lang, problem);
                Explanation::new(say!(
                    lang,
                    "data set `{name}` does not fit together",
                    "データセット `{name}` の中身が食い違っています"
                ))
                .fact(what)
            }
        }
    }
}
