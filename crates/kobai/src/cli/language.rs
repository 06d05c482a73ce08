//! Which language a person reads.

use kobai_engine::Lang;

/// `--lang`, else `KOBAI_LANG`, else the locale; English unless it is Japanese.
pub(super) fn choose(arguments: &[String]) -> Lang {
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--lang") {
            Some("") => words.next().map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None => continue,
        };
        match value {
            Some("ja") => return Lang::Ja,
            Some("en") => return Lang::En,
            _ => {}
        }
    }
    let named = std::env::var("KOBAI_LANG").ok().filter(|l| !l.is_empty());
    let locale = named.or_else(sys_locale::get_locale).unwrap_or_default();
    if locale.to_lowercase().starts_with("ja") { Lang::Ja } else { Lang::En }
}
