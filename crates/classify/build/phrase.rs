//! The phrase language: `the model @ [does not exist|was not found] .. @`.
//!
//! A phrase is a chain of segments with `..` between them, which stands for up to a few words of one sentence.
//! `[a|b]` are alternatives, `<` and `>` the edge of a word, `^` and `$` the edges of a message, `@` a masked id.

/// Most spellings one segment may unfold to.
const SPELLINGS_MAX: usize = 96;

/// All spellings of each segment of `phrase`.
pub(crate) fn unfold(phrase: &str) -> Result<Vec<Vec<String>>, String> {
    if phrase.chars().any(|c| c.is_uppercase() || matches!(c, '"' | '`' | '\u{2019}' | '\n')) {
        return Err(format!("phrase `{phrase}` is not in normal form"));
    }
    phrase.split(" .. ").enumerate().map(|(at, segment)| spellings(segment, at == 0, phrase)).collect()
}

fn spellings(segment: &str, is_first: bool, phrase: &str) -> Result<Vec<String>, String> {
    let mut all = vec![String::new()];
    let mut rest = segment;
    while let Some(open) = rest.find('[') {
        let close =
            rest[open..].find(']').ok_or_else(|| format!("phrase `{phrase}`: `[` without `]`"))? + open;
        let choices: Vec<&str> = rest[open + 1..close].split('|').collect();
        let fixed = &rest[..open];
        all = all
            .iter()
            .flat_map(|start| choices.iter().map(move |choice| format!("{start}{fixed}{choice}")))
            .collect();
        rest = &rest[close + 1..];
    }
    for spelling in &mut all {
        spelling.push_str(rest);
        // A spelling begins and ends with a word or a sign; blanks between are what `..` stands for.
        *spelling = spelling.replace("  ", " ").trim().replace(['^', '$'], "\n");
    }
    all.sort();
    all.dedup();
    if all.len() > SPELLINGS_MAX {
        return Err(format!("phrase `{phrase}` has {} spellings", all.len()));
    }
    // A masked id says something only behind other words.
    let is_short = |text: &&String| {
        let text = text.trim().trim_matches(['<', '>']);
        text.len() < 2 && (is_first || text != "@")
    };
    match all.iter().find(is_short) {
        Some(short) => Err(format!("phrase `{phrase}`: `{short}` is too short to mean anything")),
        None => Ok(all),
    }
}
