//! The words of [`DataError`], in both languages.

use kobai_engine::{Explain, Explanation, Lang, say};

use super::{Action, DataError, DatasetProblem, IdxProblem, MirrorReason};

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
                    "`kobai data list` shows all names; a folder with the four IDX files works too",
                    "`kobai data list` で名前の一覧が見られます。四つの IDX ファイルが入ったフォルダーも指定できます"
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

fn differs(lang: Lang, what: String, expected: String, got: String) -> Explanation {
    Explanation::new(what)
        .fact(say!(lang, "expected: {expected}", "正しい値: {expected}"))
        .fact(say!(lang, "got: {got}", "実際の値: {got}"))
}

fn extents(extents: &[u32]) -> String {
    extents.iter().map(u32::to_string).collect::<Vec<_>>().join("×")
}

fn idx(lang: Lang, file: &str, problem: &IdxProblem) -> Explanation {
    let replace = say!(
        lang,
        "the file is damaged: remove it and run `kobai data get` for this set",
        "ファイルが壊れています。消してから、このデータセットの `kobai data get` を実行してください"
    );
    match problem {
        IdxProblem::Magic { expected, got } => differs(
            lang,
            say!(lang, "{file}: not an IDX file of this kind", "{file}: この種類の IDX ファイルではありません"),
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
            Explanation::new(say!(lang, "{file}: holds nothing", "{file}: 中身がありません"))
                .fact(say!(lang, "extents: {e}", "寸法: {e}"))
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

fn dataset(lang: Lang, problem: &DatasetProblem) -> String {
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
            say!(lang, "{inputs} inputs, but {targets} targets", "入力は {inputs} 個、目標は {targets} 個です")
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

fn mirror(lang: Lang, reason: &MirrorReason) -> String {
    match reason {
        MirrorReason::Status(code) => say!(lang, "HTTP status {code}", "HTTP ステータス {code}"),
        MirrorReason::Unreachable(source) => say!(lang, "no connection ({source})", "接続できません ({source})"),
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
            say!(lang, "wrong size: {got} B, expected {expected}", "大きさが違います: {got} B (正しくは {expected})")
        }
        MirrorReason::Checksum { expected, got } => say!(
            lang,
            "wrong content: SHA-256 {got}, expected {expected}",
            "中身が違います: SHA-256 {got} (正しくは {expected})"
        ),
    }
}
