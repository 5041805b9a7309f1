console.log('stand-in', process.version, process.argv.slice(2))
