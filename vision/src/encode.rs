//! Computes embeddings of chips with the pack's encoder.

use crate::align::{Chip, Template};
use crate::card::ModelCard;
use crate::embedding::Embedding;
use crate::engine::EngineError;
use crate::pack::EncoderPart;
use crate::session::{Network, Runtime};

/// Maximum number of chips per run of the network. More would need more memory and be no faster.
const BATCH: usize = 16;

/// The encoder's network, and the memory in which a batch is laid out.
#[derive(Debug)]
pub(crate) struct Encoder {
    card: ModelCard,
    template: Template,
    dimensions: usize,
    output: String,
    network: Network,
    batch: Vec<u8>,
}

impl Encoder {
    pub(crate) fn load(runtime: &Runtime, part: &EncoderPart, threads: usize) -> Result<Self, EngineError> {
        Ok(Self {
            card: part.card.clone(),
            template: part.template,
            dimensions: part.dimensions,
            output: part.output.clone(),
            network: Network::load(runtime, &part.file, threads)?,
            batch: Vec::new(),
        })
    }

    pub(crate) fn card(&self) -> &ModelCard {
        &self.card
    }

    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    /// One embedding per chip, in their order. Refuses chips whose side differs from the encoder's.
    pub(crate) fn encode(&mut self, chips: &[Chip]) -> Result<Vec<Embedding>, EngineError> {
        if let Some(chip) = chips.iter().find(|chip| chip.side() != self.template.side) {
            return Err(EngineError::ChipSide { expected: self.template.side, found: chip.side() });
        }
        let mut embeddings = Vec::with_capacity(chips.len());
        for batch in chips.chunks(BATCH) {
            self.encode_batch(batch, &mut embeddings)?;
        }
        Ok(embeddings)
    }

    fn encode_batch(&mut self, chips: &[Chip], embeddings: &mut Vec<Embedding>) -> Result<(), EngineError> {
        let side = self.template.side as usize;
        // A single chip is already a batch.
        let pixels = if let [chip] = chips {
            chip.pixels()
        } else {
            self.batch.clear();
            self.batch.extend(chips.iter().flat_map(Chip::pixels));
            &self.batch
        };
        let outputs = self.network.run([chips.len(), side, side, 3], pixels)?;
        for values in
            outputs.numbers(&self.output, chips.len() * self.dimensions)?.chunks_exact(self.dimensions)
        {
            embeddings.push(Embedding::new(self.card.digest, values.to_vec())?);
        }
        Ok(())
    }
}
