//! One job's fate in one byte: a state in the low six bits, two marks above them.

/// Worker processes that can be told apart in a cell; a process shares its number with those that are a multiple of this away.
pub(super) const HOLDERS: u8 = 28;

const FIRST_HELD: u8 = 8;
const FIRST_COMPLETING: u8 = FIRST_HELD + HOLDERS;
const STATE: u8 = 0b0011_1111;
const DUPLICATED: u8 = 0b1000_0000;
const ALTERED: u8 = 0b0100_0000;

/// Where a job is, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not to be drained: not in the fixture, or finished before the run began.
    Absent,
    /// To be drained, never delivered.
    Waiting,
    /// Delivered, and given back or lost hold of since.
    Returned,
    /// Its last delivery ended with a report of failure.
    Failed,
    /// Completed.
    Done,
    /// Its completion was sent and never answered.
    Unknown,
    /// Found in the queue after the run.
    Remaining,
    /// Found in the queue after the run although its completion had been sent.
    RemainingUnknown,
    /// With a worker of this process.
    Held(u8),
    /// With a worker of this process, which has sent its completion.
    Completing(u8),
}

/// One job's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) state: State,
    pub(super) duplicated: bool,
    pub(super) altered: bool,
}

/// What a delivery was for the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The job's first.
    New,
    /// The job had been delivered before, and that delivery had ended without its completion.
    Again,
    /// The job was done, or a worker had it.
    Duplicate,
    /// The job was never to be delivered.
    Unexpected,
    /// Its payload does not agree with its checksum; otherwise a delivery like others.
    Altered,
}

impl Cell {
    pub(super) fn from_byte(byte: u8) -> Cell {
        let state = match byte & STATE {
            0 => State::Absent,
            1 => State::Waiting,
            2 => State::Returned,
            3 => State::Failed,
            4 => State::Done,
            5 => State::Unknown,
            6 => State::Remaining,
            7 => State::RemainingUnknown,
            held @ FIRST_HELD..FIRST_COMPLETING => State::Held(held - FIRST_HELD),
            completing => State::Completing(completing - FIRST_COMPLETING),
        };
        Cell {
            state,
            duplicated: byte & DUPLICATED != 0,
            altered: byte & ALTERED != 0,
        }
    }

    pub(super) fn byte(self) -> u8 {
        let state = match self.state {
            State::Absent => 0,
            State::Waiting => 1,
            State::Returned => 2,
            State::Failed => 3,
            State::Done => 4,
            State::Unknown => 5,
            State::Remaining => 6,
            State::RemainingUnknown => 7,
            State::Held(holder) => FIRST_HELD + holder,
            State::Completing(holder) => FIRST_COMPLETING + holder,
        };
        let marks = [(self.duplicated, DUPLICATED), (self.altered, ALTERED)];
        marks
            .into_iter()
            .filter(|(is_set, _)| *is_set)
            .fold(state, |byte, (_, mark)| byte | mark)
    }

    fn with(self, state: State) -> Cell {
        Cell { state, ..self }
    }

    /// A fetch returned the job to a worker of process `holder`.
    pub(super) fn delivered(self, holder: u8, whole: bool) -> (Cell, Delivery) {
        let (cell, delivery) = match self.state {
            State::Absent => return (self, Delivery::Unexpected),
            State::Waiting => (self.with(State::Held(holder)), Delivery::New),
            State::Done => (self, Delivery::Duplicate),
            State::Held(_) | State::Completing(_) => {
                (self.with(State::Held(holder)), Delivery::Duplicate)
            }
            State::Returned
            | State::Failed
            | State::Unknown
            | State::Remaining
            | State::RemainingUnknown => (self.with(State::Held(holder)), Delivery::Again),
        };
        cell.marked(delivery, whole)
    }

    /// The job was found in the queue after the run.
    pub(super) fn found(self, whole: bool) -> (Cell, Delivery) {
        let (cell, delivery) = match self.state {
            State::Absent => return (self, Delivery::Unexpected),
            State::Done => (self, Delivery::Duplicate),
            State::Waiting => (self.with(State::Remaining), Delivery::New),
            State::Returned | State::Failed | State::Held(_) => {
                (self.with(State::Remaining), Delivery::Again)
            }
            State::Unknown | State::Completing(_) => {
                (self.with(State::RemainingUnknown), Delivery::Again)
            }
            State::Remaining | State::RemainingUnknown => (self, Delivery::Again),
        };
        cell.marked(delivery, whole)
    }

    fn marked(mut self, delivery: Delivery, whole: bool) -> (Cell, Delivery) {
        self.duplicated |= delivery == Delivery::Duplicate;
        self.altered |= !whole;
        (self, if whole { delivery } else { Delivery::Altered })
    }

    /// Its completion is on the way.
    pub(super) fn completing(self) -> Cell {
        match self.state {
            State::Held(holder) => self.with(State::Completing(holder)),
            _ => self,
        }
    }

    /// Its completion failed, and the worker still has it.
    pub(super) fn refused(self) -> Cell {
        match self.state {
            State::Completing(holder) => self.with(State::Held(holder)),
            _ => self,
        }
    }

    /// Its completion is durable.
    pub(super) fn completed(self) -> Cell {
        self.ended(State::Done)
    }

    /// Its failure is reported.
    pub(super) fn failed(self) -> Cell {
        self.ended(State::Failed)
    }

    /// It was handed back.
    pub(super) fn released(self) -> Cell {
        self.ended(State::Returned)
    }

    fn ended(self, state: State) -> Cell {
        match self.state {
            State::Absent | State::Done => self,
            _ => self.with(state),
        }
    }

    /// Its worker, or the connection, is gone.
    pub(super) fn interrupted(self) -> Cell {
        match self.state {
            State::Held(_) => self.with(State::Returned),
            State::Completing(_) => self.with(State::Unknown),
            _ => self,
        }
    }

    /// [`interrupted`](Cell::interrupted) where a worker of process `holder` had it.
    pub(super) fn process_died(self, holder: u8) -> Cell {
        match self.state {
            State::Held(found) | State::Completing(found) if found == holder => self.interrupted(),
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cell;

    #[test]
    fn every_byte_is_a_cell_and_back() {
        for byte in 0..=u8::MAX {
            assert_eq!(Cell::from_byte(byte).byte(), byte);
        }
    }
}
