-- Makes the documents beside it: plans as psql prints them. Run as psql -X -d <an empty database> -v out=tests/plans/documents -f this
\set QUIET on
set client_min_messages = warning;
set max_parallel_workers_per_gather = 0;
create table job (id bigint primary key, state text not null, payload text not null);
insert into job select n, 'ready', repeat('x', 20) from generate_series(1, 1000) n;
vacuum analyze job;
\set statement 'select id from job where id <= 30 and payload <> E\'a | b + "c"\' order by state limit 3;'
\pset footer on

-- Text, in every frame.
\o :out/aligned.txt
explain (analyze, buffers) :statement
\pset border 0
\o :out/border-0.txt
explain (analyze, buffers) :statement
\pset border 2
\o :out/border-2.txt
explain (analyze, buffers) :statement
\pset linestyle unicode
\o :out/border-2-unicode.txt
explain (analyze, buffers) :statement
\pset expanded on
\o :out/expanded-border-2-unicode.txt
explain (analyze, buffers) :statement
\pset linestyle ascii
\pset border 1
\o :out/expanded.txt
explain (analyze, buffers) :statement
\pset border 0
\o :out/expanded-border-0.txt
explain (analyze, buffers) :statement
\pset expanded off
\pset border 1
\pset format unaligned
\o :out/unaligned.txt
explain (analyze, buffers) :statement
\pset tuples_only on
\o :out/tuples-only.txt
explain (analyze, buffers) :statement
\pset tuples_only off
\pset format csv
\o :out/rows.csv
explain (analyze, buffers) :statement
\pset format aligned

-- Values of several lines.
\o :out/aligned.json.txt
explain (analyze, buffers, format json) :statement
\pset border 0
\o :out/border-0.json.txt
explain (analyze, buffers, format json) :statement
\pset border 2
\o :out/border-2.json.txt
explain (analyze, buffers, format json) :statement
\pset linestyle unicode
\o :out/border-2-unicode.json.txt
explain (analyze, buffers, format json) :statement
\pset linestyle old-ascii
\pset border 1
\o :out/old-ascii.json.txt
explain (analyze, buffers, format json) :statement
\pset linestyle ascii
\pset expanded on
\o :out/expanded.json.txt
explain (analyze, buffers, format json) :statement
\pset border 0
\o :out/expanded-border-0.json.txt
explain (analyze, buffers, format json) :statement
\pset border 2
\o :out/expanded-border-2.json.txt
explain (analyze, buffers, format json) :statement
\pset border 1
\pset expanded off
\pset format csv
\o :out/value.json.csv
explain (analyze, buffers, format json) :statement
\pset expanded on
\o :out/expanded.json.csv
explain (analyze, buffers, format json) :statement
\pset expanded off
\pset format unaligned
\o :out/unaligned.json.txt
explain (analyze, buffers, format json) :statement
\pset format aligned
\o :out/aligned.yaml.txt
explain (analyze, buffers, format yaml) :statement
\o :out/aligned.xml.txt
explain (analyze, buffers, format xml) :statement
\pset format unaligned
\pset tuples_only on
\o :out/plan.yaml
explain (analyze, buffers, format yaml) :statement
\o :out/plan.xml
explain (analyze, buffers, format xml) :statement
\o
