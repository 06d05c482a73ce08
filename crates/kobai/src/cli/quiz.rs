//! `kobai lab quiz`.

use super::errors::Failure;
use super::{Terminal, print};
use clap::ArgMatches;
use kobai_engine::{Lang, say};
use kobai_lab::quiz::{Answer, Asks, Question, questions};
use kobai_lab::terminal::wrapped;
use std::io::{BufRead, IsTerminal, Write};

/// Asks on a terminal; elsewhere prints the questions, or all answers.
pub(super) fn run(m: &ArgMatches, terminal: &Terminal) -> Result<u8, Failure> {
    let all = questions();
    if m.get_flag("json") {
        let list: Vec<_> = all.iter().map(|q| q.document(&q.answer())).collect();
        return print(&format!("{}\n", serde_json::json!({ "schema": "kobai.quiz/1", "questions": list })));
    }
    let lang = terminal.lang;
    if m.get_flag("answers") {
        for (i, question) in all.iter().enumerate() {
            // One by one: what has to be trained is trained in between.
            print(&format!(
                "{}{}\n",
                asked(i, &all, terminal),
                told(question, &question.answer(), terminal)
            ))?;
        }
        return Ok(0);
    }
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        let text: String = (0..all.len()).map(|i| asked(i, &all, terminal) + "\n").collect();
        let hint = say!(
            lang,
            "On a terminal the questions are asked one by one; `kobai lab quiz --answers` computes all answers.\n",
            "端末では 1 問ずつ出題します。`kobai lab quiz --answers` ですべての答えを計算します。\n"
        );
        return print(&(text + &hint));
    }
    let (mut right, mut done) = (0, 0);
    for (i, question) in all.iter().enumerate() {
        print(&asked(i, &all, terminal))?;
        let mut answer = None;
        let verdict = loop {
            print(&say!(lang, "your answer (q ends): ", "答え（q で終了）: "))?;
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line);
            if !matches!(read, Ok(n) if n > 0) || line.trim().eq_ignore_ascii_case("q") {
                return print(&score(right, done, lang));
            }
            let computed = answer.get_or_insert_with(|| question.answer());
            if let Some(verdict) = computed.judge(question, &line) {
                break verdict;
            }
            let _ = std::io::stderr().lock().write_all(
                say!(lang, "a letter, or a number\n", "記号または数で答えてください\n").as_bytes(),
            );
        };
        done += 1;
        right += usize::from(verdict);
        let word =
            if verdict { lang.pick("✓ right", "✓ 正解") } else { lang.pick("✗ no", "✗ 不正解") };
        let told = told(question, answer.as_ref().unwrap_or(&question.answer()), terminal);
        print(&format!("{word}\n{told}\n"))?;
    }
    print(&score(right, done, lang))
}

fn score(right: usize, of: usize, lang: Lang) -> String {
    say!(lang, "{right} of {of} right\n", "{of} 問中 {right} 問正解\n")
}

fn letter(i: usize) -> char {
    (b'a' + u8::try_from(i.min(25)).unwrap_or(25)) as char
}

fn asked(i: usize, all: &[Question], t: &Terminal) -> String {
    let (question, n, count) = (&all[i], i + 1, all.len());
    let section = question.section.get(t.lang);
    let text = question.text.get(t.lang);
    // A drawing keeps its lines.
    let text = if text.contains('\n') { text.to_string() } else { wrapped(text, t.width) };
    let mut out = format!("[{n}/{count}] {section}\n{text}\n");
    if let Asks::Choice(choices) = &question.asks {
        for (i, choice) in choices.iter().enumerate() {
            out += &format!("  {}) {}\n", letter(i), choice.get(t.lang));
        }
    }
    out
}

fn told(question: &Question, answer: &Answer, t: &Terminal) -> String {
    let right = match (&question.asks, answer.number) {
        (Asks::Number, Some(number)) => format!("{number}"),
        (Asks::Choice(choices), _) => {
            let all = answer.choices.iter().filter_map(|i| Some((i, choices.get(*i)?)));
            let all: Vec<String> = all.map(|(i, c)| format!("{}) {}", letter(*i), c.get(t.lang))).collect();
            if all.is_empty() {
                t.lang.pick("none of these", "どれでもない").into()
            } else {
                all.join(", ")
            }
        }
        _ => String::new(),
    };
    let lang = t.lang;
    let (because, command) = (wrapped(answer.because.get(lang), t.width - 2), answer.command);
    let because = because.replace('\n', "\n  ");
    say!(
        lang,
        "answer: {right}\n  {because}\n  more: {command}\n",
        "答え: {right}\n  {because}\n  詳しくは: {command}\n"
    )
}
