//! The client to compare with: the official one, page after page, with nothing else to do.

use std::io;

use aws_sdk_ecr::types::{DescribeImagesFilter, ImageStatusFilter};
use jettison::aws::AwsConnection;

use crate::serve::{REGION, REPOSITORY};

/// Asks for everything in the repository, a thousand images a page.
pub(crate) fn list() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = AwsConnection::default().open(REGION).await;
        let client = aws_sdk_ecr::Client::new(&config);
        let filter = DescribeImagesFilter::builder()
            .image_status(ImageStatusFilter::Any)
            .build();
        let mut pages = client
            .describe_images()
            .repository_name(REPOSITORY)
            .filter(filter)
            .max_results(1000)
            .into_paginator()
            .send();
        let mut images = 0;
        while let Some(page) = pages.next().await {
            images += page.map_err(io::Error::other)?.image_details().len();
        }
        match images {
            0 => Err(io::Error::other("there is nothing to list")),
            _ => Ok(()),
        }
    })
}
