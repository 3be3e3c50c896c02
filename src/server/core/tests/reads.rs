//! Admission and cancellation of reads.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_reads_do_not_wait_for_large_ones() {
    let f = start(|_| {});
    let context = RequestContext::in_process();
    fill(&f.core, 100, 10).await;
    let mut running = Vec::new();
    let admission = &f.core.inner.admission;
    while let Some(admitted) = tokio::select! {
        biased;
        admitted = admission.admit(Size::Large) => admitted.ok(),
        () = std::future::ready(()) => None,
    } {
        running.push(admitted);
    }
    let mut waiting: Vec<Pending<pb::RangeResponse>> = Vec::new();
    for _ in 0..100 {
        let core = f.core.clone();
        waiting.push(Box::pin(async move {
            core.range(&RequestContext::in_process(), all_keys()).await
        }));
    }
    begin(&mut waiting).await;
    assert!(value(&f.core, "k001").await.is_some());
    f.core.put(&context, put("k", "v")).await.unwrap();
    assert!(f.core.hash(&context).await.is_ok());
    let last = waiting.split_off(99);
    drop(waiting);
    drop(running);
    assert_eq!(finish(last).await[0].as_ref().unwrap().count, 101);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_stops_when_its_caller_is_gone() {
    let f = start(|_| {});
    fill(&f.core, 100, 10).await;
    let cancelled = Cancelled::default();
    let shared = &f.core.inner.shared;
    let answer = reading::blocking(shared, &all_keys(), usize::MAX, &cancelled);
    assert_eq!(answer.unwrap().unwrap().count, 100);
    cancelled.set();
    let answer = reading::blocking(shared, &all_keys(), usize::MAX, &cancelled);
    assert_eq!(answer.err(), Some(Error::Canceled));
    let many = txn(vec![], vec![request_op::Request::RequestRange(all_keys())]);
    let answer = reading::blocking(shared, &many, usize::MAX, &cancelled);
    assert_eq!(answer.err(), Some(Error::Canceled));
    let hash = hashing::by_revision(shared, 0, &cancelled);
    assert_eq!(hash.err(), Some(Error::Canceled));
    let hash = shared.published().unwrap().tx.hash(|| cancelled.check());
    assert_eq!(hash.err(), Some(Error::Canceled));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_keys_with_much_data_are_a_large_read() {
    let f = start(|_| {});
    let context = RequestContext::in_process();
    fill(&f.core, 20, 100_000).await;
    let shared = &f.core.inner.shared;
    // The first read loads the pages into memory.
    assert!(value(&f.core, "k001").await.is_some());
    assert!(reading::at_once(shared, get("k001", 0)).is_ok());
    assert!(reading::at_once(shared, all_keys()).is_err());
    let cancelled = Cancelled::default();
    let small = reading::blocking(shared, &all_keys(), reading::SMALL_BYTES, &cancelled);
    assert!(small.unwrap().is_none());
    assert_eq!(f.core.range(&context, all_keys()).await.unwrap().count, 20);

    let before = f.core.inner.admission.answer_bytes();
    let answer = f.core.range_encoded(&context, all_keys(), 5).await.unwrap();
    assert_eq!(
        f.core.inner.admission.answer_bytes(),
        before + answer.length()
    );
    drop(answer);
    assert_eq!(f.core.inner.admission.answer_bytes(), before);
}
