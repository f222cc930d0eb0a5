//! The coalescer with a batch that takes note of what it is asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::future::join_all;
use futures_util::poll;
use tokio::sync::Barrier;
use tokio::time::timeout;

use super::*;

/// Answers each number with its double; some numbers are special.
struct Double {
    asked: Mutex<Vec<(char, Vec<u32>)>>,
    /// So many batches have to run at once before any of them ends.
    together: Barrier,
    running: AtomicUsize,
}

/// The whole call fails.
const SPOILED: u32 = 1_000_001;
/// This key alone fails.
const REFUSED: u32 = 1_000_002;
/// This key is left out.
const FORGOTTEN: u32 = 1_000_003;
/// The call panics.
const FATAL: u32 = 1_000_004;

impl Batch for Double {
    type Place = char;
    type Key = u32;
    type Answer = u32;
    type Error = &'static str;

    async fn ask(&self, place: &char, keys: Vec<u32>) -> Answered<Self> {
        self.asked.lock().unwrap().push((*place, keys.clone()));
        self.running.fetch_add(1, Ordering::Relaxed);
        self.together.wait().await;
        assert!(!keys.contains(&FATAL));
        if keys.contains(&SPOILED) {
            return Err("spoiled");
        }
        let answered = keys.into_iter().filter(|key| *key != FORGOTTEN);
        let answer = |key| if key == REFUSED { Err("refused") } else { Ok(key * 2) };
        Ok(answered.map(|key| (key, answer(key))).collect())
    }

    fn unanswered(&self) -> &'static str {
        "unanswered"
    }
}

fn coalescer_of(together: usize) -> (Coalescer<Double>, Arc<Double>) {
    let double = Arc::new(Double {
        asked: Mutex::default(),
        together: Barrier::new(together),
        running: AtomicUsize::new(0),
    });
    (Coalescer::new(Arc::clone(&double)), double)
}

fn coalescer() -> (Coalescer<Double>, Arc<Double>) {
    coalescer_of(1)
}

/// With the clock standing still while anything can go on, whoever waits for nothing fails at once.
async fn all<T>(asked: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    timeout(Duration::from_secs(60), join_all(asked)).await.unwrap()
}

impl Double {
    fn asked(&self) -> Vec<(char, Vec<u32>)> {
        self.asked.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_at_the_same_time_shares_a_call_and_gets_an_answer_of_his_own() {
    let (coalescer, double) = coalescer();
    let asked = [3, 1, 2, 1].map(|key| coalescer.ask(&'a', key));
    assert_eq!(all(asked).await, [Ok(6), Ok(2), Ok(4), Ok(2)]);
    assert_eq!(double.asked(), [('a', vec![1, 2, 3])]);
    assert_eq!(coalescer.ask(&'a', 1).await, Ok(2));
    assert_eq!(double.asked().len(), 2, "nothing is remembered");
}

#[tokio::test(start_paused = true)]
async fn places_do_not_mix() {
    let (coalescer, double) = coalescer();
    let asked = ['a', 'b', 'a'].map(|place| (place, coalescer.ask(if place == 'a' { &'a' } else { &'b' }, 1)));
    let answers = all(asked.map(|(_, answer)| answer)).await;
    assert_eq!(answers, [Ok(2); 3]);
    let mut places: Vec<char> = double.asked().into_iter().map(|(place, _)| place).collect();
    places.sort_unstable();
    assert_eq!(places, ['a', 'b']);
}

#[tokio::test(start_paused = true)]
async fn no_call_is_larger_than_it_may_be_and_several_run_at_once() {
    // None of the three could end alone.
    let (coalescer, double) = coalescer_of(3);
    let answers = all((0..250).map(|key| coalescer.ask(&'a', key))).await;
    assert_eq!(answers, (0..250).map(|key| Ok(key * 2)).collect::<Vec<_>>());
    let sizes: Vec<usize> = double.asked().iter().map(|(_, keys)| keys.len()).collect();
    assert_eq!(
        (sizes.iter().max(), sizes.iter().sum()),
        (Some(&MOST), 250),
        "{sizes:?}"
    );
    assert_eq!(sizes.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_whole_call_is_everybodys_and_one_of_a_key_its_own() {
    let (coalescer, _) = coalescer();
    let spoiled = all([1, SPOILED, 2].map(|key| coalescer.ask(&'a', key))).await;
    assert_eq!(spoiled, [Err("spoiled"); 3]);
    let refused = all([1, REFUSED, 2].map(|key| coalescer.ask(&'a', key))).await;
    assert_eq!(refused, [Ok(2), Err("refused"), Ok(4)]);
}

#[tokio::test(start_paused = true)]
async fn what_gets_no_answer_is_told_so_and_hangs_nobody() {
    let (coalescer, _) = coalescer();
    let forgotten = all([1, FORGOTTEN].map(|key| coalescer.ask(&'a', key))).await;
    assert_eq!(forgotten, [Ok(2), Err("unanswered")]);
    let dead = all([1, FATAL].map(|key| coalescer.ask(&'a', key))).await;
    assert_eq!(dead, [Err("unanswered"); 2]);
    assert_eq!(coalescer.ask(&'a', 1).await, Ok(2), "the next call is as good as any");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_any_more_is_not_asked_for() {
    let (coalescer, double) = coalescer();
    let mut gone = Box::pin(coalescer.ask(&'a', 1));
    assert_eq!(poll!(&mut gone), Poll::Pending);
    drop(gone);
    sleep(PAUSE * 2).await;
    assert_eq!(double.asked(), []);
    // The one who began the batch leaves: those who came after him are served all the same.
    let mut gone = Box::pin(coalescer.ask(&'a', 1));
    assert_eq!(poll!(&mut gone), Poll::Pending);
    let mut twin = Box::pin(coalescer.ask(&'a', 2));
    assert_eq!(poll!(&mut twin), Poll::Pending);
    let others = [coalescer.ask(&'a', 2), coalescer.ask(&'a', 3)];
    drop((gone, twin));
    assert_eq!(all(others).await, [Ok(4), Ok(6)]);
    assert_eq!(double.asked(), [('a', vec![2, 3])]);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_during_a_call_takes_nobodys_answer_along() {
    let (coalescer, double) = coalescer_of(2);
    let mut leaves = Box::pin(coalescer.ask(&'a', 1));
    let mut stays = Box::pin(coalescer.ask(&'a', 2));
    assert_eq!((poll!(&mut leaves), poll!(&mut stays)), (Poll::Pending, Poll::Pending));
    while double.running.load(Ordering::Relaxed) == 0 {
        sleep(PAUSE).await;
    }
    drop(leaves);
    // Who comes while a call runs gets into the next one, which lets both end here.
    let (late, stays) = tokio::join!(coalescer.ask(&'a', 3), stays);
    assert_eq!((late, stays), (Ok(6), Ok(4)));
    assert_eq!(double.asked(), [('a', vec![1, 2]), ('a', vec![3])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_forgotten_however_many_come_and_go() {
    let (coalescer, _) = coalescer();
    let coalescer = Arc::new(coalescer);
    let tasks = (0..4000_u32).map(|number| {
        let coalescer = Arc::clone(&coalescer);
        tokio::spawn(async move {
            for _ in 0..number % 7 {
                tokio::task::yield_now().await;
            }
            let place = if number % 2 == 0 { 'a' } else { 'b' };
            let answer = coalescer.ask(&place, number % 501);
            match number % 5 {
                // Impatient ones.
                0 => drop(timeout(Duration::from_micros(u64::from(number % 900)), answer).await),
                _ => assert_eq!(answer.await, Ok(number % 501 * 2)),
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        timeout(Duration::from_secs(30), task).await.unwrap().unwrap();
    }
}
