// gqlgen as its documentation shows it. Arguments: port, control port, file of answers.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/transport"
)

type subscriber chan PresenceEvent

// source tells events of memory to the subscribers of each session.
type source struct {
	Snapshot PresenceSnapshot
	Change   PresenceChanges

	lock     sync.Mutex
	version  int
	sessions map[string]map[subscriber]bool
}

func (s *source) watch(ctx context.Context, sessionID string) subscriber {
	s.lock.Lock()
	defer s.lock.Unlock()
	one := make(subscriber, 16)
	if s.sessions[sessionID] == nil {
		s.sessions[sessionID] = map[subscriber]bool{}
	}
	s.sessions[sessionID][one] = true
	snapshot := s.Snapshot
	snapshot.Version, snapshot.AsOf = s.version, time.Now().UTC()
	one <- &snapshot
	go func() {
		<-ctx.Done()
		s.lock.Lock()
		defer s.lock.Unlock()
		delete(s.sessions[sessionID], one)
		close(one)
	}()
	return one
}

func (s *source) publish() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.version++
	for _, subscribers := range s.sessions {
		change := s.Change
		change.Version, change.AsOf = s.version, time.Now().UTC()
		for one := range subscribers {
			one <- &change
		}
	}
}

// takeOrders publishes once for each byte on the control port.
func (s *source) takeOrders(port string) {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		orders := make([]byte, 64)
		for {
			count, err := connection.Read(orders)
			if err != nil {
				break
			}
			for range count {
				s.publish()
			}
		}
	}
}

type root struct{ source *source }

func (r *root) Query() QueryResolver               { return r }
func (r *root) Subscription() SubscriptionResolver { return r }

func (r *root) Version(context.Context) (int, error) { return 1, nil }

func (r *root) SessionPresence(ctx context.Context, sessionID string) (<-chan PresenceEvent, error) {
	return r.source.watch(ctx, sessionID), nil
}

func main() {
	told, err := os.ReadFile(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	s := &source{sessions: map[string]map[subscriber]bool{}}
	if err := json.Unmarshal(told, s); err != nil {
		log.Fatal(err)
	}
	s.version = s.Snapshot.Version
	go s.takeOrders(os.Args[2])
	server := handler.New(NewExecutableSchema(Config{Resolvers: &root{s}}))
	server.AddTransport(transport.Websocket{KeepAlivePingInterval: 15 * time.Second})
	http.Handle("/graphql", server)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
