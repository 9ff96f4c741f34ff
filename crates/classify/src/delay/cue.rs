//! Where in a message a delay is told: behind words like `try again in`, or in front of words like `后重试`.

use std::time::{Duration, SystemTime};

use super::{duration, moment::parse_moment};

/// Words behind which a delay is told, in normal form: English, then Russian, German, Spanish, Portuguese, French,
/// Italian and Chinese.
const AHEAD: [&str; 72] = [
    "again in ",
    "again after ",
    "again at ",
    "again on ",
    "retry in ",
    "retry after ",
    "retry at ",
    "retrying in ",
    "reset in ",
    "resets in ",
    "reset after ",
    "resets after ",
    "reset at ",
    "resets at ",
    "resets at: ",
    "reset at: ",
    "reset on ",
    "resets on ",
    "reset time: ",
    "starts on ",
    "starts at ",
    "wait for ",
    "wait ",
    "back in ",
    "available in ",
    "available at ",
    "available on ",
    "refreshed at ",
    "refreshed in ",
    "refreshes in ",
    "refreshes at ",
    "renewed in ",
    "renews in ",
    "renews at ",
    "renews on ",
    "replenished in ",
    "retry-after: ",
    "retry-after=",
    "retry_after: ",
    "retry_after=",
    "retryafter: ",
    "cooldown for ",
    "cooling down for ",
    "blocked until ",
    "limited until ",
    "через ",
    "подождите ",
    "es in ",
    "erneut in ",
    "wieder in ",
    "warten sie ",
    "warte ",
    "espera ",
    "espere ",
    "de nuevo en ",
    "nuevamente en ",
    "dentro de ",
    "reintenta en ",
    "reintente en ",
    "novamente em ",
    "aguarde ",
    "essayez dans ",
    "essayer dans ",
    "attendez ",
    "patientez ",
    "patienter ",
    "riprova tra ",
    "riprovare tra ",
    "attendi ",
    "attendere ",
    "等待 ",
    "等待",
];

/// Words in front of which a delay is told, in normal form: Chinese in both scripts, Japanese, Korean.
const BEHIND: [&str; 27] = [
    "后重试",
    "后再",
    "后重新",
    "后重置",
    "后恢复",
    "后自动",
    "后刷新",
    "之后重试",
    "之后再",
    "後重試",
    "後再",
    "後重新",
    "後重置",
    "後恢復",
    "之後再",
    "後に再",
    "後にもう",
    "後にお試し",
    "後にリトライ",
    "後にリセット",
    "후에 다시",
    "후 다시",
    "후에 재시도",
    "후 재시도",
    "후에 초기화",
    "후 초기화",
    "뒤에 다시",
];

/// All words that a delay may stand next to.
pub(crate) const CUES: [&str; AHEAD.len() + BEHIND.len()] = {
    let mut all = [""; AHEAD.len() + BEHIND.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < AHEAD.len() { AHEAD[at] } else { BEHIND[at - AHEAD.len()] };
        at += 1;
    }
    all
};

/// What may stand between such words and the delay.
const FILLERS: [&str; 15] = [
    "in ",
    "about ",
    "around ",
    "approximately ",
    "at least ",
    "another ",
    "the next ",
    "примерно ",
    "mindestens ",
    "etwa ",
    "al menos ",
    "pelo menos ",
    "au moins ",
    "almeno ",
    "约",
];

/// The delay that `words`, in normal form, tell next to a cue; `cues` are the places behind each.
pub(super) fn from_words(words: &str, cues: &[usize], now: SystemTime) -> Option<Duration> {
    cues.iter().find_map(|at| {
        let (before, rest) = words.split_at_checked(*at)?;
        match BEHIND.iter().find_map(|cue| before.strip_suffix(cue)) {
            Some(told) => duration::at_the_end(told),
            None => ahead(before, rest, now),
        }
    })
}

fn ahead(before: &str, rest: &str, now: SystemTime) -> Option<Duration> {
    let rest = FILLERS.iter().find_map(|filler| rest.strip_prefix(filler)).unwrap_or(rest);
    // Behind `at` a clock tells the time of day, in a zone nobody knows.
    let is_time_of_day = before.trim_end().ends_with(" at");
    let clock = || (!is_time_of_day).then(|| duration::clock(rest)).flatten();
    duration::parse_duration(rest)
        .or_else(|| duration::one(rest))
        .or_else(clock)
        .or_else(|| parse_moment(rest, now))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn told(words: &str) -> Option<u64> {
        let mut cues: Vec<usize> =
            CUES.iter().flat_map(|cue| words.match_indices(cue).map(|(at, cue)| at + cue.len())).collect();
        cues.sort_unstable();
        from_words(words, &cues, UNIX_EPOCH).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_clock_behind_a_cue_is_a_length_of_time_unless_it_tells_when() {
        assert_eq!(told("out of quota. it will be replenished in 2.17:28:19."), Some(235_699));
        assert_eq!(told("renewed in 00:10:00"), Some(600));
        assert_eq!(told("your limit resets at 12:46:18"), None);
    }

    #[test]
    fn waiting_is_asked_for_in_the_middle_of_a_sentence_too() {
        assert_eq!(told("upgrade your plan or wait 6 seconds for your limit to reset"), Some(6));
        assert_eq!(told("please wait 2 minutes before trying again"), Some(120));
        assert_eq!(told("come back in an hour"), Some(3600));
        assert_eq!(told("you need not wait any longer"), None);
    }

    #[test]
    fn waiting_is_asked_for_in_many_languages() {
        for (words, wanted) in [
            ("Превышен лимит. повторите через 20 секунд", 20),
            ("слишком часто, попробуйте через минуту", 60),
            ("подождите примерно 2 минуты", 120),
            ("versuchen sie es in 5 minuten noch einmal", 300),
            ("bitte warten sie mindestens eine stunde", 3600),
            ("demasiadas llamadas: espera al menos un minuto", 60),
            ("inténtelo de nuevo en 12 segundos", 12),
            ("veuillez réessayer dans 3 minutes", 180),
            ("tente novamente em 40 segundos", 40),
            ("riprova tra 2 ore", 7200),
            ("太快了，请 7 秒后重试", 7),
            ("已限流，请约 1分30秒后再试", 90),
            ("請於 2 小時後再試", 7200),
            ("请等待 15 秒", 15),
            ("混雑しています。10 秒後に再度お試しください", 10),
            ("요청이 많습니다. 25초 후에 다시 시도하세요", 25),
            ("한도 초과, 3분 후 다시 시도", 180),
        ] {
            assert_eq!(told(words), Some(wanted), "{words}");
        }
    }

    #[test]
    fn what_tells_no_delay_is_none() {
        for words in [
            "稍后再试",
            "数秒後に再試行",
            "잠시 후 다시 시도",
            "через некоторое время",
            "es in der tat",
            "wait a moment",
        ] {
            assert_eq!(told(words), None, "{words}");
        }
    }
}
