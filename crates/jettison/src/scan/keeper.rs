//! Puts what a scan fetches into the cache, a good many at once, while more is fetched.
//!
//! It bounds what is in memory: what waits to be written is counted in bytes, and the fetching waits for the writing.

use std::mem;

use tokio::task::JoinHandle;

use crate::store::{CachedConfig, CachedManifest, Store, StoreError};

/// So many bytes wait at most, and as many are being written. One fetch may go beyond it by the largest manifest.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// So many are written at once at most.
const MOST_ITEMS: usize = 1_000;

/// Something that the cache takes.
pub(super) trait Cacheable: Sized + Send + Sync + 'static {
    /// Its bytes in memory, but for small change.
    fn bytes(&self) -> usize;

    /// Writes many.
    fn put(store: &Store, items: &[Self]) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl Cacheable for CachedManifest {
    fn bytes(&self) -> usize {
        self.bytes.len()
    }

    async fn put(store: &Store, items: &[Self]) -> Result<(), StoreError> {
        store.put_manifests(items).await
    }
}

impl Cacheable for CachedConfig {
    fn bytes(&self) -> usize {
        self.facts.len()
    }

    async fn put(store: &Store, items: &[Self]) -> Result<(), StoreError> {
        store.put_configs(items).await
    }
}

/// What waits for the cache.
pub(super) struct Keeper<T> {
    store: Store,
    waiting: Vec<T>,
    bytes: usize,
    writing: Option<JoinHandle<Result<(), StoreError>>>,
}

impl<T: Cacheable> Keeper<T> {
    pub(super) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            waiting: Vec::new(),
            bytes: 0,
            writing: None,
        }
    }

    /// Takes one more; where enough wait, has them written once those before them are.
    ///
    /// # Errors
    /// If the store failed at what was taken earlier.
    pub(super) async fn add(&mut self, item: T) -> Result<(), StoreError> {
        self.bytes += item.bytes();
        self.waiting.push(item);
        if self.bytes >= MOST_BYTES || self.waiting.len() >= MOST_ITEMS {
            self.write().await?;
        }
        Ok(())
    }

    /// Writes what is left, and waits for all of it.
    ///
    /// # Errors
    /// If the store failed at any of it.
    pub(super) async fn finish(mut self) -> Result<(), StoreError> {
        if !self.waiting.is_empty() {
            self.write().await?;
        }
        self.written().await
    }

    async fn write(&mut self) -> Result<(), StoreError> {
        self.written().await?;
        let (store, items) = (self.store.clone(), mem::take(&mut self.waiting));
        self.bytes = 0;
        self.writing = Some(tokio::spawn(async move { T::put(&store, &items).await }));
        Ok(())
    }

    async fn written(&mut self) -> Result<(), StoreError> {
        match self.writing.take() {
            // A write that was cancelled or panicked left the cache as it was; what is not in it is fetched anew.
            Some(writing) => writing.await.unwrap_or(Ok(())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jettison_core::model::Digest;

    use super::*;

    #[tokio::test]
    async fn what_waits_is_bounded_in_bytes_and_all_of_it_arrives() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).await.unwrap();
        let mut keeper = Keeper::new(&store);
        let mut digests = Vec::new();
        for number in 0..40_u8 {
            let bytes = vec![number; 1024 * 1024];
            digests.push(Digest::of(&bytes));
            let manifest = CachedManifest {
                digest: Digest::of(&bytes),
                media_type: String::new(),
                bytes,
            };
            keeper.add(manifest).await.unwrap();
            let held: usize = keeper.waiting.iter().map(Cacheable::bytes).sum();
            assert!(held < MOST_BYTES, "{held} bytes wait");
        }
        keeper.finish().await.unwrap();
        assert_eq!(store.manifests(&digests).await.unwrap().len(), digests.len());
    }
}
