// Command web is a small web server that can misbehave on request: the application of the demo and of the tests.
//
// It answers every path with its host name, its version (environment VERSION) and the path. /healthz answers 200, or
// 503 with -unready.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var (
	listen     = flag.String("listen", ":8080", "address to listen on")
	delay      = flag.Duration("delay", 0, "wait this long before every answer")
	unready    = flag.Bool("unready", false, "answer 503 on /healthz")
	crashAfter = flag.Duration("crash-after", 0, "exit with code 1 after this time; 0 means never")
	requireURL = flag.String("require-url", "", "name of an environment variable that must hold a URL with a host")
)

func main() {
	flag.Parse()
	log.SetFlags(log.LstdFlags | log.LUTC)
	if *requireURL != "" {
		if err := checkURL(*requireURL); err != nil {
			log.Fatal(err)
		}
	}
	if *crashAfter > 0 {
		time.AfterFunc(*crashAfter, func() { log.Fatalf("crashing after %s, as -crash-after asks", *crashAfter) })
	}
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func checkURL(name string) error {
	value := os.Getenv(name)
	u, err := url.Parse(value)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return fmt.Errorf("cannot start: %s=%q is not a URL; it must look like redis://host:port", name, value)
	}
	return nil
}

func serve() error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if *unready {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(*delay)
		fmt.Fprintf(w, "host=%s version=%s path=%s\n", host, os.Getenv("VERSION"), r.URL.Path)
	})
	server := &http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	finished := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		finished <- server.Shutdown(grace)
	}()
	log.Printf("listening on %s, version %q", *listen, os.Getenv("VERSION"))
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-finished
}
