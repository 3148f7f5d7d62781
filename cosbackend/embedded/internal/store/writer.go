package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
)

const (
	maxBatch  = 256     // closures that share one commit and so one fsync
	maxWeight = 2 << 20 // bytes of inline bodies after which a commit accepts no more jobs
	maxQueued = 1024    // beyond this a write is refused with ErrBusy
)

// A writer runs closures one after the other on the only connection that
// writes. Those that wait while a commit is under way share the next one.
type writer struct {
	// ctx is the writer's own and never ends: a closure is not interrupted by its
	// caller.
	ctx   context.Context
	conn  *sql.Conn
	queue chan *job
	ended chan struct{}
	// begin and end surround each transaction; committed is called before end, with
	// what lost its last reference.
	begin, end func()
	committed  func(*txn)
	// makeRoom frees space for a retry on a full disk: by a checkpoint of the
	// write-ahead log into free pages of the index, and for a job that frees space also
	// by releasing the reserve. keepRoom makes the reserve again.
	makeRoom func(frees bool) bool
	keepRoom func()
	stmts    map[string]*sql.Stmt
	batch    []*job
	weight   int // of the batch
}

const (
	jobWaiting int32 = iota
	jobTaken
	jobGivenUp
)

// A job is a closure for the writer to run. It may run more than once, each time after
// the earlier run was rolled back.
type job struct {
	do       func(*txn) error
	frees    bool // it frees space, so it may use the reserve
	folds    bool // the write-ahead log is checkpointed after it
	weight   int  // bytes that it adds to the index
	state    atomic.Int32
	done     chan struct{}
	err      error
	panicked any
	// unsure is set when a commit failed in a way after which the transaction may still
	// be there after a crash.
	unsure bool
}

// A txn is the transaction of a closure.
type txn struct {
	w       *writer
	dropped []droppedBody
	unused  []int64 // manifests
}

func newWriter(ctx context.Context, conn *sql.Conn) *writer {
	return &writer{
		ctx:   ctx,
		conn:  conn,
		queue: make(chan *job, maxQueued),
		ended: make(chan struct{}),
		stmts: map[string]*sql.Stmt{},
		batch: make([]*job, 0, maxBatch),
	}
}

// enqueue queues a job without waiting for it.
func (w *writer) enqueue(j *job) error {
	j.done = make(chan struct{})
	select {
	case w.queue <- j:
		return nil
	default:
		return ErrBusy
	}
}

// submit is enqueue for callers that can wait for room in the queue.
func (w *writer) submit(j *job) {
	j.done = make(chan struct{})
	w.queue <- j
}

// wait returns when the job is committed or refused. A context that ends before
// the writer took the job withdraws it; after that the outcome is awaited, so
// that the caller always knows it.
func (j *job) wait(ctx context.Context) error {
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaiting, jobGivenUp) {
			return ctx.Err()
		}
		<-j.done
	}
	if j.panicked != nil {
		panic(j.panicked) // in the goroutine whose closure it was
	}
	return j.err
}

// mayBeCommitted is true for a job that was committed, or whose commit failed in a way
// that a crash may still undo. It is called after wait.
func (j *job) mayBeCommitted() bool {
	return j.state.Load() == jobTaken && (j.err == nil || j.unsure)
}

// run serves the queue until it is closed.
func (w *writer) run() {
	defer close(w.ended)
	for j := range w.queue {
		w.batch, w.weight = w.batch[:0], 0
		w.take(j)
		w.drain()
		w.serve(w.batch)
	}
	for _, s := range w.stmts {
		_ = s.Close() // the connection is closed next
	}
}

func (w *writer) take(j *job) {
	if j.state.CompareAndSwap(jobWaiting, jobTaken) {
		w.batch = append(w.batch, j)
		w.weight += j.weight
	}
}

func (w *writer) drain() {
	for len(w.batch) < maxBatch && w.weight < maxWeight {
		select {
		case j, ok := <-w.queue:
			if !ok {
				return
			}
			w.take(j)
		default:
			return
		}
	}
}

// serve commits the jobs together. When the commit fails each gets its own transaction,
// so that a put on a full disk does not fail a delete.
func (w *writer) serve(jobs []*job) {
	if len(jobs) == 0 {
		return
	}
	if err := w.transact(jobs); err != nil && len(jobs) > 1 {
		for _, j := range jobs {
			_ = w.transact([]*job{j}) // the job knows
		}
	}
	for _, j := range jobs {
		if errors.Is(j.err, ErrNoSpace) {
			w.retry(j)
		}
		if j.folds {
			w.makeRoom(false)
		}
		close(j.done)
	}
}

// retry runs a job again that failed on a full disk.
func (w *writer) retry(j *job) {
	if w.makeRoom(false) {
		_ = w.transact([]*job{j}) // the job knows
	}
	if !j.frees || !errors.Is(j.err, ErrNoSpace) {
		return
	}
	if w.makeRoom(true) {
		_ = w.transact([]*job{j})
	}
	w.keepRoom()
}

// transact runs the jobs in one transaction. Its error concerns all of them.
func (w *writer) transact(jobs []*job) error {
	w.begin()
	defer w.end()
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return failAll(jobs, err, false)
	}
	t := &txn{w: w}
	for _, j := range jobs {
		if err := w.attempt(t, j); err != nil {
			w.rollback()
			return failAll(jobs, err, false)
		}
	}
	if err := w.exec("COMMIT"); err != nil {
		w.rollback()
		return failAll(jobs, err, !errors.Is(err, ErrNoSpace))
	}
	w.committed(t)
	return nil
}

// attempt runs one job inside a savepoint, so that its failure undoes nothing of the
// other jobs. The error it returns means that the transaction is lost.
func (w *writer) attempt(t *txn, j *job) error {
	if err := w.exec("SAVEPOINT job"); err != nil {
		return err
	}
	dropped, unused := len(t.dropped), len(t.unused)
	j.err = j.call(t)
	if j.err != nil {
		t.dropped, t.unused = t.dropped[:dropped], t.unused[:unused]
		if err := w.exec("ROLLBACK TO job"); err != nil {
			return fmt.Errorf("%w (after: %w)", err, j.err)
		}
	}
	return w.exec("RELEASE job")
}

func (j *job) call(t *txn) (err error) {
	defer func() {
		if p := recover(); p != nil {
			j.panicked, err = p, errors.New("store: closure panicked")
		}
	}()
	return j.do(t)
}

// failAll sets the error of the jobs. Those that failed on their own keep their error.
func failAll(jobs []*job, err error, unsure bool) error {
	for _, j := range jobs {
		if j.err == nil {
			j.err = err
			j.unsure = j.unsure || unsure
		}
	}
	return err
}

// rollback ends a lost transaction. SQLite may have ended it already.
func (w *writer) rollback() {
	_ = w.exec("ROLLBACK")
}

func (w *writer) exec(text string) error {
	s, err := w.stmt(text)
	if err != nil {
		return err
	}
	if _, err := s.ExecContext(w.ctx); err != nil {
		return fmt.Errorf("store: write index: %w", indexError(err))
	}
	return nil
}

func (w *writer) stmt(text string) (*sql.Stmt, error) {
	if s, ok := w.stmts[text]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(w.ctx, text)
	if err != nil {
		return nil, fmt.Errorf("store: write index: %w", indexError(err))
	}
	w.stmts[text] = s
	return s, nil
}

// exec runs one statement. The statement is kept prepared, so text must be a
// constant.
func (t *txn) exec(text string, args ...any) (sql.Result, error) {
	s, err := t.w.stmt(text)
	if err != nil {
		return nil, err
	}
	res, err := s.ExecContext(t.w.ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("store: write index: %w", indexError(err))
	}
	return res, nil
}

// rows runs a query. The caller closes the rows before the next statement that
// changes what they come from.
func (t *txn) rows(text string, args ...any) (*sql.Rows, error) {
	s, err := t.w.stmt(text)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(t.w.ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("store: read index: %w", indexError(err))
	}
	return rows, nil
}

// row reads one row into dest; found is false when there is none.
func (t *txn) row(text string, args []any, dest ...any) (found bool, err error) {
	s, err := t.w.stmt(text)
	if err != nil {
		return false, err
	}
	return scanOne(s.QueryRowContext(t.w.ctx, args...), dest...)
}

// write sends a job to the writer and waits for its result.
func (s *Store) write(ctx context.Context, j *job) error {
	if err := s.writer.enqueue(j); err != nil {
		return err
	}
	return j.wait(ctx)
}

// change is a method that only writes.
func (s *Store) change(ctx context.Context, do func(*txn) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.write(ctx, &job{do: do})
}

// free is change for closures that free space: on a full disk they may use the reserve.
func (s *Store) free(ctx context.Context, do func(*txn) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.write(ctx, &job{do: do, frees: true})
}
