//! What `kobai` alone says: one screen.

use kobai_engine::Lang;

const EN: &str = "\
Kōbai (勾配, \"gradient\"): a deep-learning trainer you can see through

  Try first, in a few seconds, without data or network:
    kobai lab run vanishing-gradient      seven networks, one picture, a verdict on each claim

  Then:
    kobai lab list                        all experiments
    kobai lab show vanishing-gradient     its rows, claims and networks
    kobai lab run vanishing-gradient --as-published
                                          with the bug of the published notebook
    kobai data list                       data sets; `kobai data get mnist` downloads one
    kobai bench W1                        how fast this machine trains

  kobai --help                            all commands        kobai --lang ja   日本語
";

const JA: &str = "\
Kōbai（勾配）: 中が見える深層学習トレーナー

  まずはこれを。データも通信もいらず、数秒で終わります:
    kobai lab run vanishing-gradient      七つのネットワーク、一枚の図、主張ごとの判定

  つぎに:
    kobai lab list                        実験の一覧
    kobai lab show vanishing-gradient     行・主張・ネットワークを見る
    kobai lab run vanishing-gradient --as-published
                                          公開ノートブックの誤りも含めて再現する
    kobai data list                       データセット。`kobai data get mnist` で取得
    kobai bench W1                        このマシンの学習の速さ

  kobai --help                            すべてのコマンド    kobai --lang en   English
";

pub(super) fn text(lang: Lang) -> String {
    lang.pick(EN, JA).to_string()
}
