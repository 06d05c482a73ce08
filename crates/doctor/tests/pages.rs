//! The pages of all diseases, as a person reads them.

use kobai_doctor::{checks, report};
use kobai_engine::Lang;

#[test]
fn every_disease_has_its_page_in_both_languages() {
    for lang in [Lang::En, Lang::Ja] {
        let pages: Vec<String> = checks::all().iter().map(|c| report::page(c.about(), lang)).collect();
        insta::assert_snapshot!(lang.pick("pages_en", "pages_ja"), pages.join("\n"));
    }
}
